"""Mutation testing: change the code that decides, one place at a time, and see a test fail each time."""
