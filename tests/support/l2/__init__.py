"""LANs for tests of L2: a simulated one, and one of network namespaces."""
