"""The answers about a running cluster."""
