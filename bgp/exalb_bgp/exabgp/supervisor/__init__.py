"""Runs in the container bgp: supervises one ExaBGP."""
