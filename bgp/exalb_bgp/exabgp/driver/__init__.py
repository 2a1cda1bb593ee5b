"""Runs in the speaker: drives one ExaBGP over its API pipe."""
