"""Unit tests of exalb.web."""
