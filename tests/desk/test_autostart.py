"""Start at login: the true state, one switch, on three platforms."""

from __future__ import annotations

import configparser
import plistlib
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.desk.autostart import (
    AutostartError,
    DesktopEntry,
    LaunchAgent,
    RunKey,
    autostart,
    desktop_entry,
    tray_command,
)
from devstream_desktop.home import Home

COMMAND = ("/opt/dev stream/bin/devstream", "--home", "/home/ana/two %h")


def exec_of(text: str) -> list[str]:
    """The arguments of a desktop entry, as the specification has them read."""
    entries = configparser.RawConfigParser(delimiters=("=",))
    entries.read_string(text)
    value = entries["Desktop Entry"]["Exec"].replace("\\\\", "\\")
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', value)
    return [re.sub(r"\\(.)", r"\1", part).replace("%%", "%") for part in quoted]


@pytest.fixture
def entry(tmp_path: Path) -> DesktopEntry:
    (tmp_path / "xdg" / "autostart").mkdir(parents=True)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "own"), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}
    return DesktopEntry("devstream.desktop", COMMAND, environ)


def test_an_entry_is_written_and_taken_away(entry: DesktopEntry) -> None:
    assert not entry.enabled()
    entry.set_enabled(on=True)
    assert entry.enabled()
    assert exec_of(entry.path.read_text()) == list(COMMAND)
    entry.set_enabled(on=False)
    assert not entry.enabled()
    assert not entry.path.exists()


def test_an_entry_that_goes_while_it_is_looked_at_is_off(
    entry: DesktopEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: True)
    assert not entry.enabled()
    assert not entry.starts_another()


def test_a_file_in_the_folders_place_holds_no_entry(entry: DesktopEntry) -> None:
    entry.path.parent.parent.mkdir()
    entry.path.parent.write_text("")
    assert not entry.enabled()


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_what_the_desktops_settings_switched_off_is_off(entry: DesktopEntry, line: str) -> None:
    entry.set_enabled(on=True)
    entry.path.write_text(entry.path.read_text() + line + "\n")
    assert not entry.enabled()
    entry.set_enabled(on=True)
    assert entry.enabled()


def test_an_entry_of_a_package_is_hidden(entry: DesktopEntry, tmp_path: Path) -> None:
    (tmp_path / "xdg" / "autostart" / "devstream.desktop").write_text(desktop_entry(COMMAND))
    assert entry.enabled()
    entry.set_enabled(on=False)
    assert not entry.enabled()
    entry.set_enabled(on=True)
    assert entry.enabled()


@pytest.mark.parametrize("text", ["", "no entry", "[Desktop Entry]\nName=x\n", "\x00\x01"])
def test_a_file_that_starts_nothing_is_off(entry: DesktopEntry, text: str) -> None:
    entry.path.parent.mkdir(parents=True)
    entry.path.write_text(text)
    assert not entry.enabled()


def test_a_folder_that_cannot_be_written_is_told(entry: DesktopEntry, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("in the way")
    with pytest.raises(AutostartError, match="start at login is as it was"):
        entry.set_enabled(on=True)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1))
def test_every_path_is_read_as_it_is(part: str) -> None:
    assert exec_of(desktop_entry(["/bin/a", part])) == ["/bin/a", part]


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("desktop-file-validate"), reason="no desktop-file-validate")
def test_the_entry_is_valid(entry: DesktopEntry) -> None:
    entry.set_enabled(on=True)
    said = subprocess.run(
        ["desktop-file-validate", entry.path], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout


def test_an_agent_is_written_and_taken_away(tmp_path: Path) -> None:
    agent = LaunchAgent(tmp_path / "LaunchAgents", "org.devstream.Devstream", COMMAND)
    assert not agent.enabled()
    agent.set_enabled(on=True)
    assert agent.enabled()
    written = plistlib.loads(agent.path.read_bytes())
    assert written["ProgramArguments"] == list(COMMAND)
    agent.path.write_bytes(plistlib.dumps(written | {"Disabled": True}))
    assert not agent.enabled()
    agent.set_enabled(on=False)
    assert not agent.path.exists()


@pytest.mark.parametrize("text", [b"", b"<plist>", plistlib.dumps([1])])
def test_an_agent_that_launchd_cannot_read_is_off(tmp_path: Path, text: bytes) -> None:
    agent = LaunchAgent(tmp_path, "a", COMMAND)
    agent.path.write_bytes(text)
    assert not agent.enabled()


class Registry:
    """As much of the module `winreg` as is used."""

    HKEY_CURRENT_USER, KEY_SET_VALUE, REG_SZ = 1, 2, 1

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, object]] = {}

    @contextmanager
    def OpenKey(self, _, path, *__):  # noqa: N802 - as winreg has it
        if path not in self.keys:
            raise FileNotFoundError(path)
        yield self.keys[path]

    @contextmanager
    def CreateKey(self, _, path):  # noqa: N802 - as winreg has it
        yield self.keys.setdefault(path, {})

    def QueryValueEx(self, key, name):  # noqa: N802 - as winreg has it
        if name not in key:
            raise FileNotFoundError(name)
        return key[name], self.REG_SZ

    def SetValueEx(self, key, name, _, __, value):  # noqa: N802 - as winreg has it
        key[name] = value

    def DeleteValue(self, key, name):  # noqa: N802 - as winreg has it
        if name not in key:
            raise FileNotFoundError(name)
        del key[name]


def test_a_value_is_written_and_taken_away() -> None:
    registry = Registry()
    run = RunKey("devstream", ("C:\\Program Files\\devstream.exe", "--home", "D:\\x"), registry)
    assert not run.enabled()
    run.set_enabled(on=True)
    assert run.enabled()
    (value,) = (key["devstream"] for key in registry.keys.values() if key)
    assert value == '"C:\\Program Files\\devstream.exe" --home D:\\x'
    run.set_enabled(on=False)
    run.set_enabled(on=False)
    assert not run.enabled()


def test_what_the_task_manager_switched_off_is_off() -> None:
    registry = Registry()
    run = RunKey("devstream", ("devstream.exe",), registry)
    run.set_enabled(on=True)
    path = next(iter(registry.keys)).replace("Run", "Explorer\\StartupApproved\\Run")
    registry.keys[path] = {"devstream": b"\x03" + bytes(11)}
    assert not run.enabled()
    run.set_enabled(on=True)
    assert run.enabled()


def test_the_usual_home_needs_no_name_and_another_is_named(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    # A login does not know it.
    monkeypatch.setenv("DEVSTREAM_HOME", str(tmp_path / "other"))
    usual, other = Home.usual(), Home.choose(None)
    assert "--home" not in tray_command(usual)
    assert tray_command(other)[-2:] == ("--home", str(tmp_path / "other"))
    one, two = autostart(usual, platform="linux"), autostart(other, platform="linux")
    one.set_enabled(on=True)
    assert (one.enabled(), two.enabled()) == (True, False)
    two.set_enabled(on=True)
    assert len(list((tmp_path / "config" / "autostart").iterdir())) == 2
    assert Path(tray_command(usual)[0]).is_absolute()
    assert tray_command(usual, platform="win32")[1:] == ("-P", "-m", "devstream_desktop")
    assert isinstance(autostart(usual, platform="darwin"), LaunchAgent)


@pytest.mark.process
def test_the_command_is_devstream(tmp_path: Path) -> None:
    command = [*tray_command(Home(tmp_path)), "paths"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert str(tmp_path) in said.stdout
    assert command[0].startswith(str(Path(sys.executable).parent))
