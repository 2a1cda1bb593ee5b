"""BFD without a network."""
