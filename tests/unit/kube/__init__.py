"""Unit tests of exalb.kube."""
