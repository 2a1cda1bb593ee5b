"""The load of many speakers on one real API server."""
