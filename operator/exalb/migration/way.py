"""The way from MetalLB to ExaLB: its steps, what each still lacks, and how each is gone back. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exalb.migration import situation
from exalb.migration.metallb_objects import Selector
from exalb.migration.notes import Json
from exalb.migration.peers import AT_EXALB, AT_METALLB, LABEL, selects_by_label, without_label
from exalb.migration.situation import Situation

MOVE = "exalb migrate metallb"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its commands, the commands that go back, and what it still lacks."""

    title: str
    commands: tuple[str, ...]
    back: tuple[str, ...]
    lacks: tuple[str, ...] | None
    """Empty for a step that is done; None where the input cannot show it."""


def way(now: Situation) -> tuple[Step, ...]:
    """Return all steps, in their order."""
    nodes = sorted(now.cluster.nodes) or ["NODE"]
    return (
        _install(now),
        *_passwords(now),
        _bind(now),
        _stop_controller(now),
        _apply(now),
        *((_move(now, name) for name in nodes) if now.peers else ()),
        *((_unbind(now),) if now.peers else ()),
        _remove(now),
    )


def _install(now: Situation) -> Step:
    ours = now.namespaces.ours
    options = f"--namespace {ours} --create-namespace --set image.repository=REGISTRY/exalb"
    return Step(
        "Install ExaLB, without pools and peers: it leaves all Services that have an address alone",
        (f"helm install exalb charts/exalb {options}",),
        (f"helm uninstall exalb --namespace {ours}",),
        tuple(situation.not_installed(now)),
    )


def _passwords(now: Situation) -> Iterator[Step]:
    if commands := now.migration.password_commands:
        back = tuple(f"kubectl delete secret {line.split()[4]} -n {now.namespaces.ours}" for line in commands)
        yield Step("Copy the passwords of the sessions", commands, back, None)


def _bind(now: Situation) -> Step:
    bound = {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}, **_selector(AT_METALLB)}
    back = {"updateStrategy": {"type": "RollingUpdate"}, **_selector(None)}
    names = _names(now.daemons) or [("speaker", now.namespaces.theirs)]
    return Step(
        "Let a label of each node say which product has its BGP sessions: MetalLB everywhere. No pod restarts",
        (f"kubectl label nodes --all {LABEL}={AT_METALLB}", *(_patch(*name, bound) for name in names)),
        (*(_patch(*name, back) for name in names), f"kubectl label nodes --all {LABEL}-"),
        _lacks(now, now.daemons, situation.not_bound(now)),
    )


def _stop_controller(now: Situation) -> Step:
    names = _names(now.controllers) or [("controller", now.namespaces.theirs)]
    return Step(
        "Stop MetalLB's controller. Services keep their addresses; new ones get theirs after the next step",
        tuple(f"kubectl scale deployment {name} -n {place} --replicas=0" for name, place in names),
        tuple(f"kubectl scale deployment {name} -n {place} --replicas=1" for name, place in names),
        _lacks(now, now.controllers, situation.not_stopped(now)),
    )


def _apply(now: Situation) -> Step:
    return Step(
        "Apply ExaLB's objects. It takes over the Services with their addresses; no node has a session of ExaLB yet",
        (f"{MOVE} > exalb.yaml", "kubectl apply -f exalb.yaml"),
        (
            f"kubectl scale deployment exalb-controller -n {now.namespaces.ours} --replicas=0",
            *_stop_controller(now).back,
        ),
        tuple(situation.not_applied(now)),
    )


def _move(now: Situation, name: str) -> Step:
    return Step(
        f"Move node {name}: MetalLB's pods leave it, ExaLB opens the sessions and announces the same routes",
        (f"kubectl label node {name} {LABEL}={AT_EXALB} --overwrite",),
        (f"kubectl label node {name} {LABEL}={AT_METALLB} --overwrite",),
        tuple(situation.not_moved(now, name)) if now.cluster.nodes else None,
    )


def _unbind(now: Situation) -> Step:
    selectors = {name: (raw.get("spec") or {}).get("nodeSelectors") or () for name, raw in sorted(now.peers.items())}
    bound = {name: list(found) for name, found in selectors.items() if any(map(selects_by_label, found))}
    return Step(
        "Let ExaLB's peers select nodes without the label: no session restarts",
        tuple(_patch_peer(name, without_label(found)) for name, found in bound.items()),
        tuple(_patch_peer(name, found) for name, found in bound.items()),
        tuple(situation.not_unbound(now)),
    )


def _remove(now: Situation) -> Step:
    return Step(
        "Uninstall MetalLB as it was installed, and remove the labels",
        (f"helm uninstall metallb -n {now.namespaces.theirs}", f"kubectl label nodes --all {LABEL}-"),
        (),
        tuple(situation.not_removed(now)),
    )


def _lacks(now: Situation, workloads: Iterable[Json], found: Iterable[str]) -> tuple[str, ...] | None:
    """Return what a step with MetalLB's programs lacks: nothing once they are gone, None where they are not known."""
    if now.is_gone:
        return ()
    return tuple(found) if tuple(workloads) else None


def _names(workloads: Iterable[Json]) -> list[tuple[str, str]]:
    return [(raw["metadata"]["name"], raw["metadata"].get("namespace", "default")) for raw in workloads]


def _selector(value: str | None) -> Mapping[str, Any]:
    return {"template": {"spec": {"nodeSelector": {LABEL: value}}}}


def _patch_peer(name: str, selectors: list[Selector] | None) -> str:
    return f"kubectl patch exapeer {name} --type=merge -p '{json.dumps({'spec': {'nodeSelectors': selectors}})}'"


def _patch(name: str, namespace: str, spec: Mapping[str, Any]) -> str:
    return f"kubectl patch daemonset {name} -n {namespace} --type=merge -p '{json.dumps({'spec': spec})}'"
