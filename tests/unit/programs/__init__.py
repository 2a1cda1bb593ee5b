"""Unit tests of exalb.programs."""
