"""Three nodes on one LAN, their L2 processes and speakers, and a seed that decides what befalls them."""
