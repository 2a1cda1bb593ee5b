"""The commands of a fresh checkout: the packages that they install, and their errors during an outage of a registry."""
