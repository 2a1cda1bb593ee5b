"""BGP for ExaLB: what each peer shall be told, and one ExaBGP that tells it. Knows nothing of Kubernetes."""
