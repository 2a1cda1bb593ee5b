"""Unit tests of exalb.runtime."""
