"""Secrets, as the API server sends them, into the values of `cluster`. Pure."""

from base64 import b64decode

from exalb.model.cluster import Secret
from exalb.model.parse_core import Raw, well_formed
from exalb_bgp.session import Password


@well_formed
def parse_secret(raw: Raw) -> Secret:
    """Read a Secret (core/v1): type kubernetes.io/basic-auth, key `password`, 1 to 80 bytes on one line."""
    name = raw["metadata"]["name"]
    if raw.get("type") != "kubernetes.io/basic-auth":
        found = raw.get("type") or "Opaque"
        return Secret(name, None, f"Secret {name} is of type {found}: make it of type kubernetes.io/basic-auth")
    try:
        value = _secret_bytes(raw)
    except TypeError:
        return Secret(name, None, f"Secret {name} has a password that is not text: put it in quotes")
    except ValueError:
        return Secret(name, None, f"Secret {name} has a password that is not base64: write it again")
    if not value:
        return Secret(name, None, f"Secret {name} has no password: set its key 'password'")
    if len(value) > 80:
        return Secret(name, None, f"Secret {name} has a password of {len(value)} bytes: TCP MD5 takes at most 80")
    if any(byte in value for byte in b"\r\n\0"):
        return Secret(name, None, f"Secret {name} has a password with a line break: was it made with a final newline?")
    return Secret(name, Password(value), None)


def _secret_bytes(raw: Raw) -> bytes:
    plain = (raw.get("stringData") or {}).get("password")
    encoded = (raw.get("data") or {}).get("password")
    given = encoded if plain is None else plain
    if not isinstance(given, str | None):
        raise TypeError("not text")
    if plain is not None:
        return (given or "").encode()
    # The API server reads over line breaks in base64, which a block of YAML or `base64` itself may bring.
    return b64decode((given or "").replace("\n", "").replace("\r", ""), validate=True)
