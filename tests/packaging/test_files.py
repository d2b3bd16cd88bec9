"""The files that a system reads pass its own validators, and say what the product does."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.parent.name)
def test_a_mistake_in_the_settings_is_not_tried_again_and_again(unit: Path) -> None:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.read_string(unit.read_text())
    service = read["Service"]
    assert service["Restart"] == "on-failure"
    assert int(service["RestartPreventExitStatus"]) == SettingsError.exit_code
