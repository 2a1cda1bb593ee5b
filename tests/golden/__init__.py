"""Texts as they must come out, kept in files."""
