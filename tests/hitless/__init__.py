"""Measures what each event costs: lost requests, broken connections, and the time until routers leave a node."""
