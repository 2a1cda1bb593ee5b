"""Unit tests of exalb.validation."""
