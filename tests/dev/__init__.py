"""The loop of development without root: ExaLB on the cluster of the kubeconfig, with a BGP engine in memory."""
