"""Unit tests of exalb.migration."""
