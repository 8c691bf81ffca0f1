"""Fetch Debian's packages of GameNetworkingSockets, and all they need, leaving the system alone."""

import os
import platform
import shlex
import subprocess
import textwrap
from pathlib import Path

GNS, GNS_DEV = "libgamenetworkingsockets1debian1", "libgamenetworkingsockets-dev"
GNS_SUITE = "forky"  # the first Debian release that has them
KEYRINGS = [Path(f"/usr/share/keyrings/debian-archive-keyring.{kind}") for kind in ("pgp", "gpg")]


class FetchError(Exception):
    """Something could not be had; the text says what was tried and what to do next."""


def run(*command: str | Path, hint: str, cwd: Path | None = None) -> str:
    """Run a command to its end and return what it printed."""
    words = [str(word) for word in command]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    tried = f"tried: {textwrap.shorten(shlex.join(words), 300)}"
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{tried}\n{error}\nnext: {hint}") from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise FetchError(f"{tried}\n{tail}\nnext: {hint}")
    return done.stdout


def debian_mirror() -> str:
    """Return the Debian archive that this machine's own apt sources name."""
    hint = "use Debian 12 or newer, with its main archive among the apt sources"
    form = "--format=$(CREATED_BY)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"
    # Without release info apt answers from the sources alone, before any list was fetched.
    lines = run("apt-get", "indextargets", "--no-release-info", form, hint=hint).splitlines()
    own = platform.freedesktop_os_release()
    for suite in (own.get("VERSION_CODENAME"), "stable", "oldstable", "testing", "unstable"):
        for kind, release, component, uri in (line.split("|", 3) for line in lines):
            if own["ID"] == "debian" and (kind, release, component) == ("Packages", suite, "main"):
                return uri
    raise FetchError(f"tried: apt's sources; none is a main archive of Debian\nnext: {hint}")


def fetch_debs(work: Path) -> list[Path]:
    """Download GNS, everything it depends on, and its headers; apt checks the signatures."""
    mirror = debian_mirror()
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()  # nothing is installed: apt then resolves the whole closure
    keyring = next((ring for ring in KEYRINGS if ring.exists()), None)
    trust = f"[signed-by={keyring}]" if keyring else ""
    (work / "sources.list").write_text(f"deb {trust} {mirror} {GNS_SUITE} main\n")
    options = (
        f"Dir::State={work}/state",
        f"Dir::State::status={work}/status",
        f"Dir::Cache={work}/cache",
        f"Dir::Etc::sourcelist={work}/sources.list",
        "Dir::Etc::sourceparts=/dev/null",
        "Dir::Etc::preferences=/dev/null",
        "Dir::Etc::preferencesparts=/dev/null",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=root",
        "Acquire::Retries=3",
    )
    apt = ["apt-get", *(f"-o{option}" for option in options)]
    hint = (
        f"see that this machine's apt mirror can be reached and carries {GNS_SUITE}, and that the "
        "package debian-archive-keyring is up to date"
    )
    archives = work / "cache" / "archives"
    run(*apt, "update", "--error-on=any", hint=hint)
    run(*apt, "install", "-y", "--download-only", GNS, hint=hint)
    run(*apt, "download", GNS_DEV, cwd=archives, hint=hint)
    return sorted(archives.glob("*.deb"))
