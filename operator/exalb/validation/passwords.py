"""Finds the Secrets with passwords that cannot be used. Pure.

Only speakers read Secrets. The controller takes from their reports which ones cannot be used, and knows no password.
"""

from collections.abc import Iterator, Mapping

from exalb.api.reasons import Reason
from exalb.api.schema import MAX_ITEMS
from exalb.api.speaker import SecretReport, is_stale
from exalb.model.cluster import Cluster, Node, Peer, Secret, SpeakerReport
from exalb.validation.node_annotations import FieldError
from exalb_bgp.session import Password

LONGEST_MESSAGE = 1024
_NOT_READ = Password(b"unknown")
"""In place of a password that this program does not read; no decision depends on the key itself."""


def password_error(name: str, secrets: Mapping[str, Secret], namespace: str) -> FieldError | None:
    """Return why the Secret of a BGPPeer cannot be used, or None; `namespace` is that of passwords."""
    secret = secrets.get(name)
    if secret is None:
        message = f"Secret {name} not found in namespace {namespace}: create it with type kubernetes.io/basic-auth"
        return FieldError("spec.passwordSecretRef", Reason.SECRET_NOT_FOUND, message)
    if secret.problem:
        reason = Reason.SECRET_NOT_FOUND if secret.is_missing else Reason.SECRET_UNUSABLE
        return FieldError("spec.passwordSecretRef", reason, secret.problem)
    return None


def secret_reports(cluster: Cluster) -> tuple[SecretReport, ...]:
    """Return what a speaker reports of the Secrets that BGPPeers name: those that cannot be used."""
    return tuple(_unusable(cluster))[:MAX_ITEMS]


def _unusable(cluster: Cluster) -> Iterator[SecretReport]:
    for name in sorted(_named(cluster.peers)):
        error = password_error(name, cluster.secrets or {}, cluster.scope.secrets_namespace)
        if error:
            is_missing = error.reason is Reason.SECRET_NOT_FOUND
            yield SecretReport(name=name, is_missing=is_missing, message=error.message[:LONGEST_MESSAGE])


def reported_secrets(
    peers: Mapping[str, Peer], nodes: Mapping[str, Node], speakers: Mapping[str, SpeakerReport]
) -> dict[str, Secret]:
    """Return the Secrets that BGPPeers name, as speakers report them; the passwords are not the real ones.

    One cannot be used if no speaker can use it: what a single node says binds that node alone.
    """
    named = _named(peers)
    fresh = [
        {secret.name: secret for secret in speaker.observed.unusable_secrets}
        for node, speaker in speakers.items()
        if named and node in nodes and not is_stale(speaker.observed)
    ]
    found = {name: Secret(name, _NOT_READ, None) for name in sorted(named)}
    if fresh:
        for name in named.intersection(*fresh):
            report = fresh[0][name]
            found[name] = Secret(name, None, report.message, is_missing=report.is_missing)
    return found


def _named(peers: Mapping[str, Peer]) -> set[str]:
    return {
        peer.spec.password_secret_ref.name for peer in peers.values() if peer.spec and peer.spec.password_secret_ref
    }
