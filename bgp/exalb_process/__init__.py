"""Parts that the processes of a node have in common: goals from the speaker, and reports of the kernel."""
