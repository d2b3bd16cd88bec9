"""Wheel and sdist: by pip, pipx and uv, and as the README says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packages import ROOT, USE, WORK, Run, built


def installer(name: str, run: Run) -> Path:
    """pipx or uv, in an environment of this folder."""
    bin_ = WORK / "tools" / "bin"
    if not (bin_ / name).exists():
        run(bin_ / "python", "-m", "pip", "install", "--quiet", name)
    return bin_ / name


@pytest.mark.parametrize(
    "archive", ["devstream-{version}-py3-none-any.whl", "devstream-{version}.tar.gz"]
)
def test_pip_installs_it(archive: str, home: Path, python: Path, run: Run) -> None:
    run(python, "-m", "pip", "install", f"{built(archive)}[collector]")
    assert run(USE, python.with_name("devstream")).endswith("used\n")


def test_without_an_extra_the_node_runs_and_a_sentence_says_what_is_missing(
    home: Path, python: Path, run: Run
) -> None:
    run(python, "-m", "pip", "install", built("devstream-{version}-py3-none-any.whl"))
    devstream = python.with_name("devstream")
    run(devstream, "--home", home / "h", "team", "create", "acme", "--person", "ana", fails=True)
    run(
        devstream,
        "--home",
        home / "h",
        "--allow-key-file",
        "team",
        "create",
        "acme",
        "--person",
        "ana",
    )
    said = run(devstream, "--home", home / "h", "source", "add", "generic", "x", fails=True)
    assert "devstream[collector]" in said


def menu_starts(home: Path, run: Run) -> None:
    """The menu entry of this user starts what was installed."""
    entry = (home / ".local/share/applications/devstream.desktop").read_text()
    found = re.search(r'^Exec="([^"]+)"$', entry, re.MULTILINE)
    assert found, entry
    assert run(found[1], "--version").startswith("devstream ")
    assert (home / ".config/autostart/devstream.desktop").exists()
    assert (home / ".local/share/man/man1/devstream.1").exists()


def test_pipx_installs_it(home: Path, run: Run) -> None:
    wheel = built("devstream-{version}-py3-none-any.whl")
    pipx = installer("pipx", run)
    run(pipx, "install", f"{wheel}[desktop,collector]")
    devstream = home / ".local" / "bin" / "devstream"
    assert run(USE, devstream).endswith("used\n")
    run(devstream, "install-desktop")
    menu_starts(home, run)
    run(devstream, "install-desktop", "--remove")
    run(pipx, "uninstall", "devstream")
    assert not devstream.exists()


def test_uv_installs_it(home: Path, run: Run) -> None:
    wheel = built("devstream-{version}-py3-none-any.whl")
    uv = installer("uv", run)
    run(uv, "tool", "install", "--python", WORK / "tools/bin/python", f"{wheel}[desktop,collector]")
    devstream = home / ".local" / "bin" / "devstream"
    assert run(USE, devstream).endswith("used\n")
    run(devstream, "install-desktop")
    menu_starts(home, run)
    run(uv, "tool", "uninstall", "devstream")
    assert not devstream.exists()


def test_the_readme_installs_it(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.split("## Install\n")[1].split("```sh\n")[1].split("```")[0]
    lines = [line.partition("#")[0].strip() for line in block.splitlines()]
    assert lines[0].startswith("pipx install ")
    # What a clone has, and nothing that was built or made here.
    checkout = home / "devstream"
    checkout.mkdir()
    tree = subprocess.run(
        ["git", "-C", ROOT, "archive", "HEAD"], stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "-x", "-C", checkout], input=tree.stdout, check=True)
    tools = installer("pipx", run).parent
    monkeypatch.setenv("PATH", f"{home}/.local/bin:{tools}:/usr/bin:/bin")
    for line in lines:
        run("sh", "-ec", line, cwd=checkout)
    menu_starts(home, run)
    assert run(USE, home / ".local" / "bin" / "devstream").endswith("used\n")
