"""Unit tests of exalb.allocation."""
