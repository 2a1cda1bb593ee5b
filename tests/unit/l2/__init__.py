"""L2 without a network."""
