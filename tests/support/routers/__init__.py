"""One node with an engine and three real routers: where the router stories and the walks of chaos happen."""
