"""How a program finds its API server, and follows a service account's token as kubelet replaces it."""

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from exalb.kube.credentials import CredentialsError, load_credentials
from tests.lab.pki import Authority

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "pki")


@pytest.fixture
def account(tmp_path: Path, authority: Authority) -> Path:
    """Return a mounted service account, made as kubelet makes one: the files are links into a directory of a moment."""
    directory = tmp_path / "account"
    (directory / "first").mkdir(parents=True)
    (directory / "first" / "token").write_text("one\n")
    (directory / "first" / "ca.crt").write_bytes(authority.cert.read_bytes())
    (directory / "now").symlink_to("first")
    for name in ("token", "ca.crt"):
        (directory / name).symlink_to(f"now/{name}")
    return directory


def test_a_pod_uses_its_service_account_and_the_token_of_the_moment(account: Path) -> None:
    found = load_credentials(service_account=account, environment=POD)
    assert (found.server, found.authorization()) == ("https://10.96.0.1:443", "Bearer one")
    _replace(account, "second", token=b"two\n")
    assert found.authorization() == "Bearer two"


def _replace(account: Path, name: str, **files: bytes) -> None:
    """Replace the files of the account, as kubelet does: all at once, by a link."""
    (account / name).mkdir()
    for file in ("token", "ca.crt"):
        old = (account / "now" / file).read_bytes()
        (account / name / file).write_bytes(files.get(file.partition(".")[0], old))
    (account / "next").symlink_to(name)
    (account / "next").rename(account / "now")


def test_rotated_ca_is_trusted_at_the_next_request(account: Path, authority: Authority, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other")
    found = load_credentials(service_account=account, environment=POD)
    assert found.tls
    found.authorization()
    assert len(found.tls.get_ca_certs()) == 1
    _replace(account, "second", ca=other.cert.read_bytes())
    found.authorization()
    trusted = found.tls.get_ca_certs(binary_form=True)
    assert {ssl.PEM_cert_to_DER_cert(each.cert.read_text()) for each in (authority, other)} <= set(trusted)


def test_an_ipv6_server_is_written_in_brackets(account: Path) -> None:
    found = load_credentials(service_account=account, environment={"KUBERNETES_SERVICE_HOST": "fd00:96::1"})
    assert found.server == "https://[fd00:96::1]:443"


def test_a_pod_without_its_account_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="cannot read the service account"):
        load_credentials(service_account=tmp_path, environment=POD)


def test_a_kubeconfig_that_is_named_wins(account: Path, authority: Authority, tmp_path: Path) -> None:
    certificate = authority.issue("me", "me", addresses=[ip_address("127.0.0.1")])
    path = authority.kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:6443", certificate)
    found = load_credentials(str(path), service_account=account, environment=POD)
    assert found.server == "https://127.0.0.1:6443"
    assert found.authorization() is None
    assert found.tls is not None


def test_private_key_of_a_kubeconfig_is_in_no_other_file(authority: Authority, tmp_path: Path) -> None:
    """A program that is killed would leave it behind."""
    certificate = authority.issue("me", "me")
    path = authority.kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:6443", certificate)
    (tmp_path / "temporary").mkdir()
    program = (
        "import os, signal; from exalb.kube.credentials import load_credentials\n"
        f"for _ in range(2): load_credentials({str(path)!r}, environment={{}}).authorization()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert (ended.returncode, list((tmp_path / "temporary").iterdir())) == (-signal.SIGKILL, [])


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "secret"}, "Bearer secret"),
        ({"username": "me", "password": "secret"}, "Basic " + base64.b64encode(b"me:secret").decode()),
    ],
    ids=["token", "password"],
)
def test_a_kubeconfig_may_hold_a_token_or_a_password(tmp_path: Path, user: dict[str, str], header: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8001"}}],
                "users": [{"name": "u", "user": user}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    found = load_credentials(str(path))
    assert found.authorization() == header
    assert found.tls is None
    assert "secret" not in repr(found)


def contexts(path: Path, **user: object) -> str:
    """Write a kubeconfig file with two contexts, of which `shop` is the current one; return its path."""
    clusters = [{"name": name, "cluster": {"server": f"http://{name}.example:8001"}} for name in ("shop", "lab")]
    found = [
        {"name": "shop", "context": {"cluster": "shop", "user": "me", "namespace": "web"}},
        {"name": "lab", "context": {"cluster": "lab", "user": "me"}},
    ]
    users = [{"name": "me", "user": user}]
    path.write_text(
        yaml.safe_dump({"clusters": clusters, "contexts": found, "users": users, "current-context": "shop"})
    )
    return str(path)


@pytest.mark.parametrize(
    ("context", "server", "namespace"), [(None, "shop", "web"), ("lab", "lab", "default"), ("shop", "shop", "web")]
)
def test_context_chooses_the_server_and_the_namespace(
    tmp_path: Path, context: str | None, server: str, namespace: str
) -> None:
    found = load_credentials(contexts(tmp_path / "kubeconfig", token="t"), environment=POD, context=context)
    assert (found.server, found.namespace) == (f"http://{server}.example:8001", namespace)


def test_unknown_context_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="nowhere"):
        load_credentials(contexts(tmp_path / "kubeconfig", token="t"), context="nowhere")


def test_token_of_an_exec_plugin_is_used(tmp_path: Path) -> None:
    version = "client.authentication.k8s.io/v1"
    answer = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": "of-the-plugin"}}
    command = {"apiVersion": version, "command": "echo", "args": [json.dumps(answer)], "interactiveMode": "Never"}
    found = load_credentials(contexts(tmp_path / "kubeconfig", exec=command))
    assert found.authorization() == "Bearer of-the-plugin"
