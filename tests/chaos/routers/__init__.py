"""One engine, six sessions, three makers' routers, and a seed that decides what befalls them."""
