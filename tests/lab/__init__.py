"""A whole small datacentre in network namespaces: control plane, nodes, routers and a client."""
