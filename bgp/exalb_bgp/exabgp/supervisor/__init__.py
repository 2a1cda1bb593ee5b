"""Runs in the container bgp: supervises one ExaBGP. It has few modules, to use little memory."""
