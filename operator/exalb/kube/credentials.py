"""The address of the API server and the credentials for it: a pod's service account, or a kubeconfig file."""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exalb.kube.kubeconfig_reader import kubeconfig_reader

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


_NO_KUBECONFIG = (
    "this installation cannot read a kubeconfig: the package kubernetes is not part of the image. Run the program in a"
    " pod with a service account and without --kubeconfig, or install exalb with its dependencies outside the image"
)


class CredentialsError(Exception):
    """There is no way to reach an API server; the text says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The address of an API server, the CAs that it may have, and the identity of this program."""

    server: str
    """URL without a path."""
    tls: ssl.SSLContext | None
    """None for a server without TLS."""
    authorization: Callable[[], str | None]
    """The value of the header, fresh at each call; None where a certificate of `tls` is the identity."""
    namespace: str = "default"
    """The namespace of the kubeconfig's context."""


def load_credentials(
    kubeconfig: str | None = None,
    service_account: Path = SERVICE_ACCOUNT,
    environment: Mapping[str, str] = os.environ,
    context: str | None = None,
) -> Credentials:
    """Use the given kubeconfig file or context, else the pod's service account, else the user's own kubeconfig.

    `environment` names the API server of a pod. Raises CredentialsError.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if kubeconfig is None and context is None and host:
        return _in_cluster(service_account, host, port)
    return _from_kubeconfig(kubeconfig, context)


def _in_cluster(directory: Path, host: str, port: str) -> Credentials:
    try:
        account = _ServiceAccount(directory)
    except OSError as error:
        raise CredentialsError(
            f"cannot read the service account in {directory}: {error.strerror}. Mount one into the pod, or give"
            " --kubeconfig"
        ) from error
    return Credentials(f"https://{f'[{host}]' if ':' in host else host}:{port}", account.tls, account.authorization)


class _MountedFile:
    """A file that kubelet replaces while the program runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[int, int] | None = None

    def changed(self) -> bool:
        """Whether the file is new since the last call; raises OSError."""
        status = self.path.stat()
        before, self._read = self._read, (status.st_ino, status.st_mtime_ns)
        return before != self._read


class _ServiceAccount:
    """The token of a mounted service account and the trust in its API server; a rotated token or CA counts at once.

    A new CA is added to the trust of the running program. The CA that it replaces is dropped with the next restart.
    """

    def __init__(self, directory: Path) -> None:
        self._token, self._authority = _MountedFile(directory / "token"), _MountedFile(directory / "ca.crt")
        self._value = ""
        self._authority.changed()
        self.tls = ssl.create_default_context(cafile=str(self._authority.path))
        self.authorization()

    def authorization(self) -> str:
        """Return the value of the header, fresh at each request."""
        if self._token.changed():
            self._value = f"Bearer {self._token.path.read_text().strip()}"
        if self._authority.changed():
            self.tls.load_verify_locations(cafile=str(self._authority.path))
        return self._value


def _from_kubeconfig(path: str | None, context: str | None) -> Credentials:
    try:
        config = kubeconfig_reader()
    except ModuleNotFoundError as error:
        raise CredentialsError(_NO_KUBECONFIG) from error

    settings = config.kube_config.Configuration()
    try:
        config.load_kube_config(path, context, client_configuration=settings, persist_config=False)
        tls = _tls(settings.ssl_ca_cert, settings.cert_file, settings.key_file, verify=settings.verify_ssl)
    except (config.ConfigException, OSError) as error:
        raise CredentialsError(
            f"cannot use the kubeconfig {path or 'file'}: {error}. Give --kubeconfig, or run inside a cluster"
        ) from error
    finally:
        _delete_copies(config)
    namespace = _namespace(config.list_kube_config_contexts(path), context)

    def authorization() -> str | None:
        value: str | None = settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        _delete_copies(config)
        return value or (settings.get_basic_auth_token() if settings.username else None)

    encrypted = settings.host.startswith("https:")
    return Credentials(settings.host.rstrip("/"), tls if encrypted else None, authorization, namespace)


def _delete_copies(config: Any) -> None:  # noqa: ANN401 - a module without types
    """Delete the files into which the package writes the private key of a kubeconfig.

    It does so itself when a program ends, but not when a signal ends it.
    """
    config.kube_config._cleanup_temp_files()  # noqa: SLF001 - it has no public name


def _namespace(contexts: tuple[list[dict[str, Any]], dict[str, Any]], wanted: str | None) -> str:
    """Return the namespace of a context; `contexts` are all of them, and the current one."""
    listed, current = contexts
    chosen = next((entry for entry in listed if entry["name"] == wanted), current)
    return str(chosen["context"].get("namespace") or "default")


def _tls(authority: str | None, certificate: str | None, key: str | None, *, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context
