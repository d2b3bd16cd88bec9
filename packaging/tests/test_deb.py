"""The Debian package: installed, used, upgraded and purged in a root with nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from packages import DIST, USE, Run, built
from roots import copy, inside

from devstream_desktop import __version__

DEB = "devstream_{version}_" + (
    subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=False)
    .stdout.strip() if shutil.which("dpkg") else "none"
) + ".deb"  # fmt: skip
STANDALONE = ("systemd-standalone-sysusers", "systemd-standalone-tmpfiles")
"""Two programs of systemd, for a root in which it does not run."""


def later(deb: Path, folder: Path, run: Run) -> Path:
    """The same package of a later version."""
    run("dpkg-deb", "-R", deb, folder / "later")
    control = folder / "later" / "DEBIAN" / "control"
    control.write_text(
        control.read_text().replace(f"Version: {__version__}", f"Version: {__version__}+1")
    )
    made = folder / "later.deb"
    run("dpkg-deb", "-Zgzip", "-z1", "--build", folder / "later", made)
    return made


@pytest.mark.parametrize("release", ["12", "13"])
def test_it_is_installed_used_upgraded_and_purged(release: str, folder: Path, run: Run) -> None:
    deb = built(DEB)
    root = copy(release, folder)
    shutil.copy(deb, root / "now.deb")
    shutil.copy(USE, root / "use.sh")

    def do(*words: str, fails: bool = False) -> str:
        return run(*inside(root, *words), fails=fails)

    before = set(do("find", "/etc", "/usr", "/var/lib").splitlines())
    do("apt-get", "update", "-qq")
    do("apt-get", "install", "-y", "-qq", "--no-install-recommends", "/now.deb", *STANDALONE)
    assert do("devstream", "--version") == f"devstream {__version__}\n"

    # As the service's user, in the service's home.
    assert do("stat", "-c", "%U %a", "/var/lib/devstream") == "devstream 700\n"
    use = "runuser -u devstream -- env DEVSTREAM_HOME=/var/lib/devstream /use.sh devstream"
    assert do("sh", "-c", use).endswith("used\n")
    for path in (
        "applications/devstream.desktop",
        "bash-completion/completions/devstream",
        "doc/devstream/copyright",
        "icons/hicolor/scalable/apps/devstream.svg",
        "man/man1/devstream-team.1.gz",
    ):
        assert (root / "usr" / "share" / path).exists()
    assert (root / "etc/xdg/autostart/devstream.desktop").exists()
    for unit in ("system", "user"):
        text = (root / "usr/lib/systemd" / unit / "devstream-node.service").read_text()
        assert "\nExecStart=/usr/bin/devstream node" in text

    home = root / "var" / "lib" / "devstream"
    history = (home / "history.sqlite").stat().st_size
    shutil.copy(later(deb, folder, run), root / "later.deb")
    do("dpkg", "-i", "/later.deb")
    assert do("dpkg-query", "-W", "-f", "${Version}", "devstream") == f"{__version__}+1"
    assert (home / "history.sqlite").stat().st_size == history

    do("dpkg", "--remove", "devstream")
    assert (home / "history.sqlite").exists()
    do("dpkg", "--purge", "devstream")
    after = set(do("find", "/etc", "/usr", "/var/lib").splitlines()) - before
    assert [path for path in after if "devstream" in path] == []
    assert not home.exists()


def test_lintian_finds_nothing(run: Run) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("not installed: lintian")
    run("lintian", "--fail-on", "error,warning", DIST / built(DEB).name)
