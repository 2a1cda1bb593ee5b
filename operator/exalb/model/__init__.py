"""The snapshot of the cluster that every decision is made from, and the parsers that make it. Pure."""
