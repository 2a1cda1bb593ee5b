"""Tests against real processes: ExaBGP, its supervisor, the relay, the driver."""
