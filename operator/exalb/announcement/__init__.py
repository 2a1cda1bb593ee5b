"""Decides which route a node announces to which peer. Pure."""
