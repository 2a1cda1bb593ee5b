"""Faults in an order that a seed decides, while everything changes."""
