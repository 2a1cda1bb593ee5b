"""Measures: how long things take, by the wire and the kernel and not by the programs that did them."""
