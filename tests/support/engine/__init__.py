"""Real and in-memory ExaBGP processes for tests."""
