"""Explains: warnings, overrides, and the plan of a whole cluster. Pure."""
