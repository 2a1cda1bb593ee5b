"""Makes objects of ExaLB from those of another load balancer, and lists what differs."""
