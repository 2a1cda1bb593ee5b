"""Unit tests of exalb.model."""
