"""How to reach and convince an API server: by the service account of a pod, or by a kubeconfig file."""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class CredentialsError(Exception):
    """There is no way to reach an API server; the text says what was looked for and what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The address of an API server, the trust in it, and who we are."""

    server: str
    """URL without a path."""
    tls: ssl.SSLContext | None
    """None for a server without TLS."""
    authorization: Callable[[], str | None]
    """The value of the header, fresh at each call; None where a certificate of `tls` says who we are."""


def load_credentials(
    kubeconfig: str | None = None,
    service_account: Path = SERVICE_ACCOUNT,
    environment: Mapping[str, str] = os.environ,
) -> Credentials:
    """Use the kubeconfig file that is named, else the pod's service account, else the user's own kubeconfig.

    `environment` tells of a pod in which service the API server is. Raises CredentialsError.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if kubeconfig is None and host:
        return _in_cluster(service_account, host, port)
    return _from_kubeconfig(kubeconfig)


def _in_cluster(directory: Path, host: str, port: str) -> Credentials:
    token = _TokenFile(directory / "token")
    try:
        tls = ssl.create_default_context(cafile=str(directory / "ca.crt"))
        token()
    except OSError as error:
        raise CredentialsError(
            f"cannot read the service account in {directory}: {error}. Let the pod mount one, or give --kubeconfig"
        ) from error
    return Credentials(f"https://{f'[{host}]' if ':' in host else host}:{port}", tls, token)


class _TokenFile:
    """The token of a mounted service account, which kubelet replaces while we run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._value = ""
        self._read: tuple[int, int] | None = None

    def __call__(self) -> str:
        status = self._path.stat()
        if (status.st_ino, status.st_mtime_ns) != self._read:
            self._value = f"Bearer {self._path.read_text().strip()}"
            self._read = status.st_ino, status.st_mtime_ns
        return self._value


def _from_kubeconfig(path: str | None) -> Credentials:
    # Imported here: the package costs a speaker in a cluster, which never comes this way, 20 MB.
    from kubernetes import config  # noqa: PLC0415
    from kubernetes.client import Configuration  # noqa: PLC0415

    settings = Configuration()
    try:
        config.load_kube_config(path, client_configuration=settings, persist_config=False)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise CredentialsError(
            f"cannot use the kubeconfig {path or 'file'}: {error}. Give --kubeconfig, or run inside a cluster"
        ) from error
    tls = _tls(settings.ssl_ca_cert, settings.cert_file, settings.key_file, verify=settings.verify_ssl)

    def authorization() -> str | None:
        value: str | None = settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        return value or (settings.get_basic_auth_token() if settings.username else None)

    return Credentials(settings.host.rstrip("/"), tls if settings.host.startswith("https:") else None, authorization)


def _tls(authority: str | None, certificate: str | None, key: str | None, *, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context
