"""`python -m exalb_bgp.exabgp.server.validate CONFIGURATION`: exit 0 if ExaBGP can run it, 1 if it cannot."""

from exabgp.application.validate import main

from exalb_process.own_memory import close_memory

if __name__ == "__main__":
    close_memory()  # it reads the passwords
    main()
