"""`make site` makes the documents a site: a broken link is an error, and its search finds what people look for."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.lab import fixtures, packages
from tests.support.browser import tab
from tests.support.documented import the_command
from tests.support.tree import ROOT

pytestmark = [pytest.mark.release, pytest.mark.xdist_group("site"), pytest.mark.timeout(300)]
SITE = ROOT / ".site"
MAKE = the_command("CONTRIBUTING.md", "make site")
SEARCHES = {
    "pending": "docs/questions/",
    "no route": "docs/no-traffic/",
    "no traffic": "docs/no-traffic/",
    "one node does not announce": "docs/no-traffic/",
    "firewall": "docs/no-traffic/",
    "drain": "docs/how-to/drain/",
    "cordon": "docs/how-to/drain/",
    "reboot": "docs/how-to/upgrade-nodes/",
    "install": "docs/how-to/install/",
    "upgrade": "docs/how-to/upgrade/",
    "rollback": "docs/how-to/upgrade/",
    "uninstall": "docs/how-to/uninstall/",
    "argocd": "docs/how-to/gitops/",
    "migrate": "docs/migrate/metallb/",
    "metallb": "docs/migrate/metallb/",
    "dual stack": "docs/dual-stack/",
    "two racks": "docs/questions/",
    "works with": "docs/works-with/",
    "calico": "docs/works-with/",
    "k3s": "docs/works-with/",
    "arp": "docs/how-to/l2/",
    "l2": "docs/how-to/l2/",
    "bfd": "docs/how-to/bfd/",
    "password": "docs/how-to/passwords/",
    "passwords": "docs/how-to/passwords/",
    "md5": "docs/how-to/passwords/",
    "hold time": "docs/how-to/timers/",
    "graceful restart": "docs/how-to/timers/",
    "ecmp": "docs/routers/",
    "port 179": "docs/routers/",
    "metrics": "docs/reference/metrics/",
    "alert": "docs/alerts/",
    "grafana": "charts/exalb/",
    "logs": "docs/operations/",
    "communities": "docs/reference/resources/",
    "address pool": "docs/reference/resources/",
    "quota": "docs/reference/reasons/",
    "local": "docs/reference/",
    "shared ip": "docs/reference/",
}
"""Words that people look for, and a page that must be one of the first three."""
FIRST = {"password", "passwords", "md5", "drain", "upgrade", "uninstall", "l2", "bfd", "hold time", "metrics", "alert"}
"""Words that are the subject of a page: it must be the first one."""
TYPE = """(() => {
  document.querySelector('[data-md-toggle=search]').checked = true;
  const field = document.querySelector('[data-md-component=search-query]');
  field.focus(); field.value = %s;
  field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true})); field.dispatchEvent(new Event('input'));
})()"""
RESULTS = "[...document.querySelectorAll('.md-search-result__link')].map((link) => link.getAttribute('href'))"


@pytest.fixture(scope="module")
def site() -> Path:
    """Return the site as `make site` makes it."""
    done = subprocess.run(MAKE.split(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return SITE / "html"


def build(site: Path, folder: Path, page: str) -> subprocess.CompletedProcess[str]:
    """Make the site once more elsewhere, with a page added."""
    (folder / "pages").mkdir()
    subprocess.run(["cp", "-r", f"{site.parent / 'pages'}/.", folder / "pages"], check=True)
    (folder / "pages" / "docs" / "more.md").write_text(page)
    settings = (ROOT / "mkdocs.yml").read_text().replace("docs_dir: .site/", f"docs_dir: {folder}/")
    (folder / "mkdocs.yml").write_text(settings.replace("site_dir: .site/", f"site_dir: {folder}/"))
    command: list[str | Path] = [
        SITE / "venv" / "bin" / "mkdocs",
        "build",
        f"--config-file={folder / 'mkdocs.yml'}",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("link", "word"), [("nowhere.md", "nowhere.md"), ("tutorial.md#nowhere", "#nowhere")], ids=["page", "heading"]
)
def test_broken_link_is_an_error(site: Path, tmp_path: Path, link: str, word: str) -> None:
    broken = build(site, tmp_path, f"# More\n\n[there]({link})\n")
    assert broken.returncode != 0
    assert word in broken.stdout + broken.stderr


def test_page_without_a_broken_link_is_no_error(site: Path, tmp_path: Path) -> None:
    good = build(site, tmp_path, "# More\n\n[there](tutorial.md)\n")
    assert good.returncode == 0, good.stderr


def test_index_of_the_search_has_every_page(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    named = re.findall(r"^ +- (?:[^:]+: )?(docs/[\w/-]+)\.md$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert len(named) > 30
    assert {re.sub(r"README/$", "", f"{name}/") for name in named} <= found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the site on the loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


async def test_search_finds_the_words_that_people_use(site: Path) -> None:
    """In Chromium, as a person does it: the words are typed, one search after the other."""
    fixtures.require(packages.BROWSER)
    missing: dict[str, list[str]] = {}
    with served(site) as url:
        async with tab() as opened:
            await opened.open(url)
            for words, page in SEARCHES.items():
                await opened.run(TYPE % json.dumps(""))
                await opened.until(f"{RESULTS}.length == 0")
                await opened.run(TYPE % json.dumps(words))
                await opened.until(f"{RESULTS}.length")
                links = [re.sub(r"[?#].*", "", link).removeprefix(url) for link in await opened.run(RESULTS)]
                found = list(dict.fromkeys(links))
                if page not in found[: 1 if words in FIRST else 3]:
                    missing[words] = found
    assert not missing
