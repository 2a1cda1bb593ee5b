"""Answers about a running cluster: why something has no traffic, and whether all is well."""
