"""Decides what is written to the API server: statuses, conditions, events. Pure."""
