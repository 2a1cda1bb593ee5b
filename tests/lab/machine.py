"""How this machine reaches packages, so that a build inside an image reaches them the same way.

The settings come from apt and pip themselves and are written to files of their own, for what a whole /etc/apt holds
besides (hooks, sources of another release) is the machine's alone.
"""

import re
import subprocess
import sys
from pathlib import Path

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_TRUSTED = "/run/trusted.pem"
"""Where a build finds the authorities that the machine trusts: not /etc/ssl, which a package of Debian fills itself."""
_DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_APT_SETTING = re.compile(r'^Acquire::(?:\w+::)*(?:Proxy|Check-|Verify-|CAInfo)\S* ".+";$', re.IGNORECASE)
_PIP_SETTING = re.compile(r"^[^=]*\.([a-z-]+)='(.*)'$")


def apt_settings() -> str:
    """Return the machine's proxies, certificates and checks of apt, as apt's configuration."""
    dump = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True, text=True).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if _APT_SETTING.match(line))


def apt_sources(release: str) -> str:
    """Return where this machine gets Debian from, as one-line sources of that release's `main`."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    own = _codename()
    suites = {own: release, f"{own}-updates": f"{release}-updates", f"{own}-security": f"{release}-security"}
    lines = []
    for site, suite, component, origin in (line.split(maxsplit=3) for line in listed.splitlines()):
        # apt leaves the field as it stands while it has not read the archive's Release file.
        if suite in suites and component == "main" and origin in ("Debian", "$(ORIGIN)"):
            lines.append(f"deb [signed-by={_DEBIAN_KEYS}] {site} {suites[suite]} main\n")
    return "".join(dict.fromkeys(lines))


def _codename() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else ""


def pip_settings() -> dict[str, str]:
    """Return the machine's settings of pip, from its files and, stronger, its environment."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    found = [(line.startswith(":env:"), match) for line in listed if (match := _PIP_SETTING.match(line))]
    return {match[1]: match[2] for _, match in sorted(found, key=lambda pair: pair[0])}


def mounts(directory: Path) -> list[str]:
    """Write the settings into `directory`; return what to mount, as `SOURCE:TARGET:ro`."""
    pip, apt = pip_settings(), apt_settings()
    trusted = Path(pip.pop("cert", _CERTIFICATES))
    places = {path: str(path) for value in pip.values() if value.startswith("/") and (path := Path(value)).exists()}
    if trusted.exists():
        places[trusted] = pip["cert"] = _TRUSTED
        apt += f'Acquire::https::CAInfo "{_TRUSTED}";\n'
    (directory / "pip.conf").write_text("".join(["[global]\n", *(f"{key} = {value}\n" for key, value in pip.items())]))
    (directory / "apt.conf").write_text(apt)
    places |= {directory / "pip.conf": "/etc/pip.conf", directory / "apt.conf": "/etc/apt/apt.conf.d/99machine"}
    return [f"{source}:{target}:ro" for source, target in places.items()]
