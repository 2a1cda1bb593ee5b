"""Unit tests of exalb.api."""
