"""Unit tests of exalb.analysis."""
