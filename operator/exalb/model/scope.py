"""The settings that say which Services and Nodes ExaLB serves, and where it reads Secrets. Pure."""

from typing import NamedTuple

CLASS = "exalb.io/bgp"
"""The value of `spec.loadBalancerClass` that is ours, unless a setting names another."""


class Scope(NamedTuple):
    """The Services and Nodes that ExaLB serves: settings of a program, the same for as long as it runs."""

    load_balancer_class: str = CLASS
    require_class: bool = False
    """Whether only Services that name our class are ours, and those without a class are not."""
    ignore_exclude_label: bool = False
    """Whether Nodes with the label node.kubernetes.io/exclude-from-external-load-balancers announce, too."""
    secrets_namespace: str = "exalb-system"
    """The namespace of the Secrets with passwords."""


DEFAULT = Scope()
