"""Controllers and speakers of a test against a real API server."""
