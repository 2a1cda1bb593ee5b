"""Answers why a Service has traffic or not, from its type to the routers. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from exalb.allocation.outcome import Outcome
from exalb.analysis.overrides import OverridePolicy
from exalb.api.reasons import Reason, Refusal
from exalb.explain.answer import Answer, Step, Verdict, answer, broken, good, names, note
from exalb.explain.observed import Observed
from exalb.explain.pools import PoolChoice, pool_choices
from exalb.explain.service_routes import route_steps
from exalb.model.address_record import is_recorded
from exalb.model.cluster import Key, Service


def explain_service(observed: Observed, key: Key) -> Answer:
    """Return the chain of a Service; it ends at the first step without which the others make no sense."""
    steps: list[Step] = []
    for step in _steps(observed, key):
        steps.append(step)
        if step.verdict is Verdict.BROKEN and step.hop in ("Service", "Address", "Status"):
            break
    return announced(answer(f"Service {key}", steps, "announced"))


def announced(found: Answer) -> Answer:
    """Return an answer whose summary says by how many nodes the address is announced, if by any."""
    routes = [step for step in found.steps if step.hop == "Announcement"]
    sending = {node for step in routes if step.verdict is Verdict.GOOD for node in step.nodes}
    nodes = {node for step in routes for node in step.nodes}
    if sending:
        return replace(found, summary=f"announced by {len(sending)} of {len(nodes)} nodes")
    on_lan = {node for step in found.steps if step.hop == "L2" and step.verdict is Verdict.GOOD for node in step.nodes}
    return replace(found, summary=f"announced on the LAN by {names(sorted(on_lan))}") if on_lan else found


def _steps(observed: Observed, key: Key) -> Iterator[Step]:
    service = observed.cluster.services.get(key)
    if service is None:
        yield broken("Service", _not_found(observed, key))
        return
    refusal = why_not_ours(observed, service)
    if refusal:
        yield broken("Service", refusal, f"service/{key.name} -n {key.namespace}")
        return
    named = service.load_balancer_class
    yield good("Service", f"type LoadBalancer, {f'class {named}' if named else 'without a class'}: ExaLB serves it")
    outcome = observed.allocation.outcomes[key]
    for remark in OverridePolicy(observed.cluster, observed.rules).remarks(service, outcome):
        yield note("Annotations", remark)
    yield from _address(observed, service, outcome)
    yield from route_steps(observed, service)


def why_not_ours(observed: Observed, service: Service) -> Refusal | None:
    """Return why ExaLB does not serve a Service, or None."""
    if not service.is_load_balancer:
        return Refusal(Reason.NOT_LOAD_BALANCER, f"Service {service.key} is not of type LoadBalancer")
    if not observed.cluster.is_ours(service):
        named, ours = service.load_balancer_class, observed.cluster.scope.load_balancer_class
        if named is None:
            message = f"{service.key} has no loadBalancerClass, and this ExaLB serves only Services with {ours}"
            return Refusal(Reason.CLASS_NOT_OURS, message)
        return Refusal(Reason.CLASS_NOT_OURS, f"{service.key} has loadBalancerClass {named}, and ExaLB serves {ours}")
    return observed.allocation.foreign.get(service.key)


def _not_found(observed: Observed, key: Key) -> Refusal:
    elsewhere = sorted(str(other) for other in observed.cluster.services if other.name == key.name)
    hint = f"; there is {names(elsewhere)}" if elsewhere else ""
    return Refusal(Reason.SERVICE_NOT_FOUND, f"there is no Service {key}{hint}")


def _address(observed: Observed, service: Service, outcome: Outcome) -> Iterator[Step]:
    choices = list(pool_choices(observed, service))
    about = f"service/{service.key.name} -n {service.key.namespace}"
    if not outcome.addresses:
        yield from _pools(choices)
        yield broken("Address", outcome.refusal or Refusal(Reason.NO_MATCHING_POOL, "no address is chosen"), about)
        return
    pairs = zip(outcome.addresses, outcome.pools, strict=True)
    text = " and ".join(f"{address} from pool {pool}" for address, pool in pairs)
    yield from _pools(choices)
    if service.held != outcome.addresses or not is_recorded(service, outcome.addresses):
        yield broken("Status", _not_written(observed, service, text))
        return
    yield good("Address", text, object=about)
    leader = observed.leader_refusal()
    if leader:
        yield note("Controller", leader)
    if outcome.refusal:
        yield broken("Request", outcome.refusal, about)


def _not_written(observed: Observed, service: Service, decided: str) -> Refusal:
    leader = observed.leader_refusal()
    if leader:
        return Refusal(leader.reason, f"{service.key} should have {decided}, and {leader.message}")
    message = f"{service.key} should have {decided}, and its status does not say so yet"
    return Refusal(Reason.STATUS_OUTDATED, message)


def _pools(choices: list[PoolChoice]) -> Iterator[Step]:
    """Yield why the other pools were not chosen: those that could have been, and each reason."""
    could = [choice.name for choice in choices if choice.refusal is None and not choice.is_chosen]
    if could:
        is_chosen = any(choice.is_chosen for choice in choices)
        later = " too, after the one that was chosen in the order of preference" if is_chosen else ""
        yield good("Pools", f"{names(could)} could serve it{later}")
    by_reason: dict[Reason, list[PoolChoice]] = {}
    for choice in choices:
        if choice.refusal:
            by_reason.setdefault(choice.refusal.reason, []).append(choice)
    for members in by_reason.values():
        refusal = members[0].refusal
        if refusal:
            more = f" (the same for {names(item.name for item in members[1:])})" if members[1:] else ""
            yield Step("Pools", Verdict.NOTE, f"{refusal.message}{more}", refusal.reason)
