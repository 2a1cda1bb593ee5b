"""Laws: what holds for everything that hypothesis can think of."""
