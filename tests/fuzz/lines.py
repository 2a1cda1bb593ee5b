"""`python -m tests.fuzz.lines [options of libFuzzer] [folder with examples]`: lines as ExaBGP's API never says them."""

import sys

import atheris

with atheris.instrument_imports(
    include=[
        "exalb_bgp.exabgp.driver.api_lines",
        "exalb_bgp.exabgp.driver.api_attributes",
        "exalb_bgp.exabgp.config_text",
    ]
):
    from exalb_bgp.exabgp import config_text
    from exalb_bgp.exabgp.driver import api_lines


def read(data: bytes) -> None:
    """Read as a driver does; whatever is no ValueError is a find."""
    text = data.decode("ascii", "replace")
    for reader in (api_lines.event, api_lines.snapshots, api_lines.counters, lambda line: api_lines.tables([line])):
        try:
            reader(text)
        except ValueError:
            continue
    try:
        config_text.read_running(text.split("\n"))
    except ValueError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
