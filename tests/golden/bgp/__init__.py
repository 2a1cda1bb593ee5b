"""Texts that exalb_bgp exchanges with ExaBGP."""
