"""BGP peers, messages and API lines for tests."""
