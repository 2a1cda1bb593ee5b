"""ExaLB: addresses for Kubernetes Services of type LoadBalancer, announced by BGP."""
