"""`python -m exalb_bgp.exabgp.server.validate CONFIGURATION`: exit 0 if ExaBGP can run it, 1 if it cannot."""

from exabgp.application.validate import main

if __name__ == "__main__":
    main()
