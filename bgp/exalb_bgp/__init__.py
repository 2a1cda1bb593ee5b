"""BGP for ExaLB: keeps the sessions and routes of one ExaBGP as desired. It does not know Kubernetes."""
