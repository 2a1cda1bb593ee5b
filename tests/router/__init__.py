"""The engine, with a real ExaBGP, against real routers of other makers: what they say is what counts."""
