"""Unit tests of exalb_bgp."""
