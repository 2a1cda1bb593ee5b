"""Goals of a process, over a real socket."""
