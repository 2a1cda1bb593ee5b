"""The state of this machine: default gateways, link-local addresses, kube-proxy's health."""
