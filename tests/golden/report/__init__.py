"""The conditions that the controller writes, byte for byte."""
