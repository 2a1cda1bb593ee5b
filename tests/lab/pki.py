"""The lab's own certificate authority, and the kubeconfig files that carry its certificates."""

import base64
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import yaml

_DAYS = "30"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, as PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that lives in one directory; needs OpenSSL 3."""

    directory: Path

    @property
    def cert(self) -> Path:
        """The certificate that everybody of the lab trusts."""
        return self.directory / "ca.crt"

    @property
    def key(self) -> Path:
        """The key that signs."""
        return self.directory / "ca.key"

    @classmethod
    def create(cls, directory: Path) -> "Authority":
        """Make a new authority; CalledProcessError when openssl refuses."""
        directory.mkdir(parents=True, mode=0o700)
        made = cls(directory)
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"]
        _openssl("req", "-x509", *_CURVE, "-subj", "/CN=lab", *usage, "-keyout", made.key, "-out", made.cert)
        return made

    def issue(
        self,
        name: str,
        user: str,
        groups: Sequence[str] = (),
        *,
        hosts: Sequence[str] = (),
        addresses: Sequence[IPv4Address | IPv6Address] = (),
    ) -> Certificate:
        """Sign a certificate for Kubernetes' user `user` of `groups`, and as a server of `hosts` and `addresses`."""
        made = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        names = [f"DNS:{host}" for host in hosts] + [f"IP:{address}" for address in addresses]
        extensions = ["extendedKeyUsage=clientAuth,serverAuth", "basicConstraints=critical,CA:FALSE"]
        if names:
            extensions.append(f"subjectAltName={','.join(names)}")
        added = [word for extension in extensions for word in ("-addext", extension)]
        signer: list[str | Path] = ["-CA", self.cert, "-CAkey", self.key]
        _openssl("req", "-x509", *_CURVE, *signer, "-subj", subject, *added, "-keyout", made.key, "-out", made.cert)
        return made

    def signing_key(self, name: str) -> Path:
        """Make an RSA key, with which service account tokens are signed."""
        key = self.directory / f"{name}.key"
        _openssl("genrsa", "-out", key, "2048", days=False)
        return key

    def kubeconfig(self, path: Path, server: str, certificate: Certificate) -> Path:
        """Write a kubeconfig file that holds all it needs, so that it can be carried anywhere; return its path."""
        data = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "lab", "cluster": {"server": server, "certificate-authority-data": _base64(self.cert)}}
            ],
            "users": [
                {
                    "name": "me",
                    "user": {
                        "client-certificate-data": _base64(certificate.cert),
                        "client-key-data": _base64(certificate.key),
                    },
                }
            ],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
            "current-context": "lab",
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(data))
        return path


def _openssl(*argv: str | Path, days: bool = True) -> None:
    command = ["openssl", *map(str, argv), *(["-days", _DAYS] if days else [])]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
