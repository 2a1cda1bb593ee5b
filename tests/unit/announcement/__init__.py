"""Unit tests of exalb.announcement."""
