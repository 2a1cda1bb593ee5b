"""Decides which Service gets which address. Pure."""
