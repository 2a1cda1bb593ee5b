"""How long things take, told by the wire and the kernel rather than by those who did them."""
