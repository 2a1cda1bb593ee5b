"""Properties of exalb_bgp that hold for every input."""
