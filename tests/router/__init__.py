"""The engine, with a real ExaBGP, against real routers of other makers; the tests read the tables of the routers."""
