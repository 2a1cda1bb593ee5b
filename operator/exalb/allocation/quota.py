"""Decides whether a namespace may have one more address of a pool. Pure."""

from collections.abc import Collection, Mapping

from exalb.api.reasons import Reason, Refusal
from exalb_bgp.rib import Address


def count_after(has: Mapping[Address, int], kept: Collection[Address], wanted: Collection[Address]) -> int:
    """Return how many addresses a namespace has once one of its Services has `wanted` in place of `kept`.

    `has` are the addresses of the namespace, each with the number of its Services there; a shared address counts once.
    The time depends on `kept` and `wanted`, not on `has`.
    """

    def has_other(address: Address) -> bool:
        return has.get(address, 0) > (address in kept)

    released = sum(1 for address in kept if address in has and not has_other(address))
    gained = sum(1 for address in set(wanted) if not has_other(address))
    return len(has) - released + gained


def quota_refusal(pool: str, namespace: str, quota: int, *, has: int, after: int) -> Refusal | None:
    """Say why a namespace that has `has` addresses of a pool may not have `after`; None if it may.

    A quota that was lowered takes no address away: a Service may still exchange one for another.
    """
    if after <= max(quota, has):
        return None
    message = f"namespace {namespace} has {has} addresses of pool {pool}: its quotaPerNamespace is {quota}"
    return Refusal(Reason.QUOTA_EXCEEDED, message)
