"""The tests of ExaLB, from the pure to the real."""
