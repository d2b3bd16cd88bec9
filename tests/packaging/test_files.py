"""The files that a system reads pass its own validators, and say what the product does."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from devstream_desktop import __version__
from devstream_desktop.settings import SettingsError

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources"
UNITS = sorted((ROOT / "packaging" / "systemd").rglob("*.service"))


def checked(program: str, *arguments: str | Path) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"not installed: {program}")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.process
def test_the_menu_entry_is_valid() -> None:
    # It says nothing at all about a file without a fault or a warning.
    assert checked("desktop-file-validate", RESOURCES / "devstream.desktop") == ""


@pytest.mark.process
def test_what_a_software_centre_reads_is_valid() -> None:
    metainfo = RESOURCES / "org.devstream.Devstream.metainfo.xml"
    assert "successful" in checked("appstreamcli", "validate", "--no-net", metainfo)


def test_the_release_that_the_software_centre_shows_is_this_version() -> None:
    text = (RESOURCES / "org.devstream.Devstream.metainfo.xml").read_text(encoding="utf-8")
    newest = re.search(r'<release version="([^"]+)" date="\d{4}-\d\d-\d\d"', text)
    assert newest is not None
    assert newest[1] == __version__


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.parent.name)
def test_the_debian_package_finds_the_command_in_a_unit(unit: Path) -> None:
    # packaging/debian/build puts /usr/bin there.
    assert re.search(r"^ExecStart=[^ ]+/devstream node", unit.read_text(), re.MULTILINE)


def test_the_debian_user_owns_the_home_that_the_unit_uses() -> None:
    debian = ROOT / "packaging" / "debian"
    unit = (ROOT / "packaging" / "systemd" / "devstream-node.service").read_text()
    home = re.search(r"^Environment=DEVSTREAM_HOME=(.+)$", unit, re.MULTILINE)
    user = re.search(r"^User=(.+)$", unit, re.MULTILINE)
    assert home is not None
    assert user is not None
    made = f"d {home[1]} 0700 {user[1]} {user[1]} -\n"
    assert made in (debian / "devstream.tmpfiles").read_text()
    assert f"u {user[1]} - " in (debian / "devstream.sysusers").read_text()
    assert f"rm -rf {home[1]}\n" in (debian / "postrm").read_text()


YAML = [
    ROOT / ".github" / "workflows" / "release.yml",
    ROOT / "packaging" / "container" / "compose.yaml",
]


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_a_file_for_a_forge_or_a_container_is_read(path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert "jobs" in read or {"collector", "executor", "caddy"} <= set(read["services"])


def test_each_container_has_the_same_user_volume_and_port() -> None:
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "packaging" / "container").iterdir()
    }
    for name in ("Containerfile", "rootfs"):
        assert "--uid 10001 --gid 10001 --home-dir /var/lib/devstream" in texts[name]
    assert "EXPOSE 7400" in texts["Containerfile"]
    assert 'ports: ["7400:7400"]' in texts["compose.yaml"]
    assert texts["compose.yaml"].count(":/var/lib/devstream") == 2


SCRIPTS = sorted(
    path
    for path in (ROOT / "packaging").rglob("*")
    if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh\n")
)


@pytest.mark.process
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_read_without_a_mistake(script: Path) -> None:
    checked("sh", "-n", script)
    # A script of a package gets its mode from the build.
    assert script.parent.name == "debian" or script.stat().st_mode & 0o111


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.parent.name)
def test_a_mistake_in_the_settings_is_not_tried_again_and_again(unit: Path) -> None:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.read_string(unit.read_text())
    service = read["Service"]
    assert service["Restart"] == "on-failure"
    assert int(service["RestartPreventExitStatus"]) == SettingsError.exit_code
