"""Runs inside ExaBGP's process: starts its reactor with the changes that ExaLB needs.

The cluster's nameserver may be a Service behind the very routes that ExaBGP announces, so no name may be looked up
before a session opens. The import of ExaBGP looks one up; the first line here runs before any other import of ExaBGP.
"""

from exalb_bgp.exabgp.server.host_name import look_nothing_up
from exalb_bgp.exabgp.server.left_out import import_exabgp

look_nothing_up()
import_exabgp()
