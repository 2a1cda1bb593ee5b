"""What each program imports: memory that every node spends as long as it runs, and time at each start."""

import functools
import subprocess
import sys

import pytest

SHOW = """
import sys
{imports}
print(*sys.modules)
"""
BGP = "exalb_bgp.exabgp"
ALONE = "import exalb.runtime.structlog_alone"
MODELS = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}


def imported(imports: str) -> set[str]:
    """Return the modules of a process that ran these imports."""
    command = [sys.executable, "-c", SHOW.format(imports=imports)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


@functools.cache
def bare() -> frozenset[str]:
    """Return the modules of an interpreter of this installation that imported nothing."""
    return frozenset(imported(""))


def packages(imports: str) -> set[str]:
    """Return the packages that these imports need, but those of the standard library and our own."""
    found = {module.partition(".")[0] for module in imported(imports) - bare()} - set(sys.stdlib_module_names)
    return {name for name in found if not name.startswith(("_", "exalb")) and not name.endswith("__mypyc")}


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("speaker", {"click", "h11", "structlog"} | MODELS),
        ("bgp", {"click", "structlog"} | MODELS),
    ],
)
def test_program_of_a_node_imports_no_more(program: str, expected: set[str]) -> None:
    driver = f"import {BGP}.driver.driver" if program == "speaker" else ""
    assert packages(f"{ALONE}\nimport exalb.__main__, exalb.programs.{program}\n{driver}") <= expected


@pytest.mark.parametrize(
    ("part", "left_out"),
    [
        (
            "supervisor.__main__",
            {"asyncio", "ctypes", "dataclasses", "logging", "pathlib", "subprocess", "typing"},
        ),
        (
            "server.__main__",
            {
                *("asyncio", "dataclasses", "inspect", "ipaddress", "locale"),
                *("pathlib", "pdb", "pickle", "pprint", "ssl"),
                *("exabgp.protocol.ip.icmp", "exabgp.protocol.ip.port"),
            },
        ),
        ("relay", {"enum", "selectors", "socket"}),
    ],
)
def test_process_around_exabgp_does_without_modules_of_the_standard_library(part: str, left_out: set[str]) -> None:
    import_them = f"import {BGP}.{part}"
    assert packages(import_them) <= {"exabgp"}
    assert not (imported(import_them) - bare()) & left_out


def test_speaker_imports_no_web_server() -> None:
    assert not imported(f"{ALONE}\nimport exalb.programs.speaker") & {"aiohttp.web", "http.server", "socketserver"}


def test_controller_imports_neither_tables_nor_exabgp() -> None:
    """Kopf imports the package kubernetes where it finds it; the image has none."""
    found = packages(f"{ALONE}\nimport exalb.__main__, exalb.programs.controller")
    assert not found & {"exabgp", "pygments", "rich"}


def test_controller_imports_no_page_before_it_serves_one() -> None:
    found = imported(f"{ALONE}\nimport exalb.__main__, exalb.programs.controller")
    assert not {module for module in found if module.startswith(("exalb.web", "exalb.explain"))}


def test_help_imports_nothing_but_click() -> None:
    assert packages("import exalb.__main__") == {"click"}
