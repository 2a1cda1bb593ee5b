"""What holds of exalb_bgp for every input."""
