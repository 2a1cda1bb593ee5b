"""`python -m tests.fuzz.lines [options of libFuzzer] [folder with examples]`: lines as ExaBGP's API never says them."""

import sys

import atheris

with atheris.instrument_imports(include=["exalb_bgp.exabgp.wire", "exalb_bgp.exabgp.shown", "exalb_bgp.exabgp.config"]):
    from exalb_bgp.exabgp import config, wire


def read(data: bytes) -> None:
    """Read as a driver does; whatever is no ValueError is a find."""
    text = data.decode("ascii", "replace")
    for reader in (wire.event, wire.snapshots, wire.counts, lambda line: wire.tables([line])):
        try:
            reader(text)
        except ValueError:
            continue
    try:
        config.running(text.split("\n"))
    except ValueError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
