"""Real routers of other makers, each in a namespace of its own with all its files below the lab's state directory."""
