"""All bad specs of the custom resources; those of L2Advertisements are here."""

from tests.support.specs import BAD_ADVERTISEMENTS, BAD_COMMUNITIES, BAD_PEERS, BAD_POOLS, Bad

L2 = "L2Advertisement"

BAD_L2 = [
    Bad("l2-interface", L2, {"interfaces": ["a b"]}, "spec.interfaces[0]", "write it like eth0"),
    Bad("l2-interface-twice", L2, {"interfaces": ["eth0", "eth0"]}, "spec.interfaces", "duplicate value"),
    Bad("l2-interfaces", L2, {"interfaces": [f"e{n}" for n in range(17)]}, "spec.interfaces", "at most 16 items"),
]

BAD = [*BAD_POOLS, *BAD_PEERS, *BAD_ADVERTISEMENTS, *BAD_COMMUNITIES, *BAD_L2]
