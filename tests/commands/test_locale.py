"""Time zone and locale of a machine change no output: it is UTF-8 and UTC, as that of kubectl is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.objects import endpoints, node, peer, pool, service, wants

PLACES = {
    "ascii": {"LC_ALL": "POSIX", "TZ": "Pacific/Chatham"},
    "no such locale": {"LC_ALL": "tr_TR.ISO-8859-9", "LANGUAGE": "tr", "TZ": "America/St_Johns"},
}
AS_SET = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""Python takes the locale as it is set, as it does with locales that are neither C nor UTF-8."""
OBJECTS = [
    *(pool("main", "198.51.100.0/24"), peer(), node("n1", "10.0.0.1")),
    *(service("web", day=2), endpoints("web")),
    service("straße", day=1, annotations=wants(pool="größe→")),
]


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("place", PLACES)
def test_plan_is_the_same_in_every_locale(tmp_path: Path, place: str, output: str) -> None:
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(OBJECTS, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-m", "exalb", "plan", "-f", str(path), "-o", output]
    usual, here = (
        subprocess.run(command, env=os.environ | change, capture_output=True, check=False)
        for change in ({"LC_ALL": "C.UTF-8", "TZ": "UTC"}, PLACES[place] | AS_SET)
    )
    assert output == "json" or "größe→" in usual.stdout.decode()
    assert (here.returncode, here.stderr.decode(), here.stdout) == (usual.returncode, "", usual.stdout)
