"""Unit tests of exalb.node."""
