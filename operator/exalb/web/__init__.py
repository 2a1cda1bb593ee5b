"""The web page of `kubectl exalb web`: the state of ExaLB, live and read-only."""
