"""BFD (RFC 5880, RFC 5881) in a process of its own: finds within a second that a router, or the way to it, is dead."""
