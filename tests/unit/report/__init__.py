"""Unit tests of exalb.report."""
