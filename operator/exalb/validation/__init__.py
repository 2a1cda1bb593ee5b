"""Decides which resources are active, and finds what is wrong with the others. Pure."""
