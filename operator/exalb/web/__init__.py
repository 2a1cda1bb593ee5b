"""The web page: the state of ExaLB, live and read-only. `kubectl exalb web` serves it, and so may the controller."""
