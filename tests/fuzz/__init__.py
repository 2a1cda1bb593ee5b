"""Inputs that are found by watching which code they reach."""
