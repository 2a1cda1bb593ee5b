"""ExaBGP as the engine: its configuration, its API, its helper, its supervisor and its driver."""
