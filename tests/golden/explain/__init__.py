"""The answers of `exalb explain` and `exalb status`, byte for byte."""
