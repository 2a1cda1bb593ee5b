"""Reports, objects and steps of migrations, byte for byte."""
