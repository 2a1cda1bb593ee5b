"""L2 (ARP, NDP) in a process of its own: one node answers for each address on its LAN, and another one follows it."""
