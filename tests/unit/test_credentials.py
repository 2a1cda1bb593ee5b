"""How a program finds its API server, and follows a service account's token as kubelet replaces it."""

import base64
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from exalb.credentials import CredentialsError, load_credentials
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
    (account / "second").mkdir()
    (account / "second" / "token").write_text("two\n")
    (account / "next").symlink_to("second")
    (account / "next").rename(account / "now")
    assert found.authorization() == "Bearer two"


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
