"""The command line and the programs as processes of their own, and parts that need another program (openssl)."""
