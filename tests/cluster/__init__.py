"""Against a real API server, without nodes."""
