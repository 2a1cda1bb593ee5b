"""The part of ExaBGP's interface that is ours, for both of its ends. It has no imports, to use little memory."""

NEIGHBOR = "neighbor "
"""How a command about neighbors begins: the driver counts those that it sent, and ExaBGP those that it read."""
COUNTERS = "show counters"
"""The command of our own program around ExaBGP: its answer is one line of JSON with `run`, `events` and `commands`."""
LONGEST_SLEEP = 5.0
"""Seconds that ExaBGP's loop sleeps at most, so that its supervisor can see that it does not hang."""
OPEN_WAIT = 10
"""Seconds that ExaBGP waits for the OPEN of a peer once connected; meanwhile it ignores a new configuration."""
