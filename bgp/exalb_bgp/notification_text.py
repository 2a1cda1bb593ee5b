"""NOTIFICATION messages in words (RFC 4271 §4.5, RFC 4486, RFC 9003)."""

_CODES = {
    1: "message header error",
    2: "OPEN message error",
    3: "UPDATE message error",
    4: "hold timer expired",
    5: "finite state machine error",
    6: "cease",
    7: "ROUTE-REFRESH message error",
}
_SUBCODES = {
    (1, 1): "connection not synchronized",
    (1, 2): "bad message length",
    (1, 3): "bad message type",
    (2, 1): "unsupported version number",
    (2, 2): "bad peer AS: the AS numbers of both ends do not match",
    (2, 3): "bad BGP identifier",
    (2, 4): "unsupported optional parameter",
    (2, 6): "unacceptable hold time",
    (2, 7): "unsupported capability",
    (2, 11): "role mismatch",
    (3, 1): "malformed attribute list",
    (3, 3): "missing well-known attribute",
    (3, 6): "invalid ORIGIN attribute",
    (3, 8): "invalid NEXT_HOP attribute",
    (3, 9): "optional attribute error",
    (3, 10): "invalid network field",
    (3, 11): "malformed AS_PATH",
    (6, 1): "maximum number of prefixes reached",
    (6, 2): "administrative shutdown",
    (6, 3): "peer de-configured",
    (6, 4): "administrative reset",
    (6, 5): "connection rejected",
    (6, 6): "other configuration change",
    (6, 7): "connection collision resolution",
    (6, 8): "out of resources",
    (6, 9): "hard reset",
    (6, 10): "BFD down",
}


def describe_notification(sent: bool, code: int, subcode: int, data: bytes) -> str:
    """Return a sentence for a NOTIFICATION, with the peer's shutdown communication (RFC 9003) where there is one."""
    name = _CODES.get(code, f"error {code}")
    detail = _SUBCODES.get((code, subcode), f"subcode {subcode}" if subcode else "")
    sender = "sent to the peer" if sent else "the peer sent"
    words = communication(code, subcode, data)
    quoted = f': "{words}"' if words else ""
    return f"NOTIFICATION {sender}: {name}{f' ({detail})' if detail else ''}{quoted}"


def communication(code: int, subcode: int, data: bytes) -> str:
    """Return the text of a shutdown communication, printable characters only; empty where there is none."""
    if code != 6 or subcode not in {2, 4} or not data:
        return ""
    text = data[1 : 1 + data[0]].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
