"""exalb_bgp, piece by piece."""
