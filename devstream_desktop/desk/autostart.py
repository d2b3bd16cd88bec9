r"""Start at login, as each platform keeps it: a file, or a value of the registry.

| platform | place | format |
|---|---|---|
| Linux, BSD | `autostart/` of the user's configuration | XDG autostart and desktop entry |
| macOS | `~/Library/LaunchAgents` | launchd.plist(5) |
| Windows | `HKCU\…\CurrentVersion\Run` | a command line |

The state is read from there each time, because the desktop's own settings change it too.
"""

from __future__ import annotations

import configparser
import hashlib
import importlib
import os
import plistlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from xml.parsers.expat import ExpatError

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.language import _
from devstream_desktop.private_file import write_private
from devstream_desktop.program import is_bundle
from devstream_desktop.shared_files import shared

_NAME = "devstream"
_LABEL = "org.devstream.Devstream"
_RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
_APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
"""The task manager's own switches: an odd first byte is off."""
_ENTRY = "Desktop Entry"


class AutostartError(DevstreamError):
    """Start at login cannot be read or changed; the message says why and what to do."""


class Autostart(Protocol):
    """Start at login on one platform."""

    def enabled(self) -> bool:
        """Tell whether the next login starts devstream.

        Raises:
            AutostartError: it cannot be read.
        """

    def set_enabled(self, *, on: bool) -> None:
        """Have the next login start devstream, or not.

        Raises:
            AutostartError: it cannot be written.
        """


def autostart(home: Home, *, platform: str = sys.platform) -> Autostart:
    """Return this platform's start at login of the tray of `home`."""
    command = tray_command(home, platform=platform)
    # A home beside the usual one gets an entry of its own, so that both can start.
    digest = hashlib.sha256(str(home.root).encode()).hexdigest()[:8]
    suffix = "" if home == Home.usual() else f"-{digest}"
    if platform == "darwin":
        folder = Path.home() / "Library" / "LaunchAgents"
        return LaunchAgent(folder, f"{_LABEL}{suffix}", command)
    if platform == "win32":
        return RunKey(f"{_NAME}{suffix}", command)
    return DesktopEntry(f"{_NAME}{suffix}.desktop", command)


def tray_command(home: Home, *, platform: str = sys.platform) -> tuple[str, ...]:
    """Return the command that starts the tray of `home`, by absolute paths."""
    program: tuple[str, ...]
    python = Path(sys.executable)
    script, silent = python.with_name("devstream"), python.with_name("pythonw.exe")
    if is_bundle():
        program = (sys.executable,)
    elif platform != "win32" and script.exists():
        program = (str(script),)
    else:
        # Without a console window, where there is such a Python.
        program = (str(silent if silent.exists() else python), "-P", "-m", "devstream_desktop")
    # By its path: a login does not know DEVSTREAM_HOME.
    return program if home == Home.usual() else (*program, "--home", str(home.root))


class DesktopEntry:
    """An entry of XDG autostart.

    The user's file hides one of the same name that a package put into the system's folders.

    Args:
        name: Of the file.
        command: Starts the tray.
        environ: Has `XDG_CONFIG_HOME` and `XDG_CONFIG_DIRS`.

    """

    def __init__(
        self, name: str, command: Sequence[str], environ: Mapping[str, str] = os.environ
    ) -> None:
        folder = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        system = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
        self.path = Path(folder) / "autostart" / name
        self._system = [Path(one) / "autostart" / name for one in system if one]
        self._command = command

    def enabled(self) -> bool:
        """Tell whether an entry is there and not hidden."""
        texts = map(_text, (self.path, *self._system))
        found = next((text for text in texts if text is not None), "")
        return _starts(found)

    def starts_another(self) -> bool:
        """Tell whether the user's entry starts another command than this one."""
        text = _text(self.path) or ""
        if not _starts(text):
            return False
        ours, lines = desktop_entry(self._command).splitlines(), text.splitlines()
        return any(one.startswith("Exec=") and one not in ours for one in lines)

    def set_enabled(self, *, on: bool) -> None:
        """Write the entry, or take it away; one of the system is hidden."""
        if on:
            _write(self.path, desktop_entry(self._command).encode())
        elif any(one.exists() for one in self._system):
            _write(self.path, (desktop_entry(self._command) + "Hidden=true\n").encode())
        else:
            _remove(self.path)


class LaunchAgent:
    """An agent of launchd that runs at login."""

    def __init__(self, folder: Path, label: str, command: Sequence[str]) -> None:
        self.path = folder / f"{label}.plist"
        self._label = label
        self._command = command

    def enabled(self) -> bool:
        """Tell whether the agent is there, and runs at login."""
        try:
            agent = plistlib.loads(self.path.read_bytes())
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(self.path, error) from None
        except (ValueError, ExpatError):
            # launchd cannot read it either.
            return False
        if not isinstance(agent, dict):
            return False
        return agent.get("RunAtLoad") is True and not agent.get("Disabled", False)

    def set_enabled(self, *, on: bool) -> None:
        """Write the agent, or take it away."""
        if not on:
            _remove(self.path)
            return
        agent = {
            "Label": self._label,
            "ProgramArguments": list(self._command),
            "RunAtLoad": True,
            # Only in a session with a screen; launchd may not slow it down as a background job.
            "LimitLoadToSessionType": "Aqua",
            "ProcessType": "Interactive",
        }
        _write(self.path, plistlib.dumps(agent))


class RunKey:
    """A value of the registry's Run key.

    Args:
        name: Of the value.
        command: Starts the tray.
        registry: The module `winreg`.

    """

    def __init__(self, name: str, command: Sequence[str], registry: Any = None) -> None:
        self._name = name
        self._command = command
        self._registry = importlib.import_module("winreg") if registry is None else registry

    def enabled(self) -> bool:
        """Tell whether the value is there and not switched off."""
        switched = self._value(_APPROVED)
        off = isinstance(switched, bytes) and bool(switched) and switched[0] % 2 == 1
        return bool(self._value(_RUN)) and not off

    def set_enabled(self, *, on: bool) -> None:
        """Write the value, or take it away."""
        registry = self._registry
        try:
            if on:
                with registry.CreateKey(registry.HKEY_CURRENT_USER, _RUN) as key:
                    line = subprocess.list2cmdline(self._command)
                    registry.SetValueEx(key, self._name, 0, registry.REG_SZ, line)
            else:
                self._delete(_RUN)
            # What the task manager switched off would stay off.
            self._delete(_APPROVED)
        except OSError as error:
            said = _(
                "start at login cannot be changed: {reason}; Windows' own settings have it under"
                " Apps, Startup"
            )
            raise AutostartError(said.format(reason=machine.reason(error))) from error

    def _value(self, path: str) -> object:
        registry = self._registry
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, path) as key:
                value: object = registry.QueryValueEx(key, self._name)[0]
                return value
        except FileNotFoundError:
            return None

    def _delete(self, path: str) -> None:
        registry = self._registry
        try:
            access = registry.KEY_SET_VALUE
            with registry.OpenKey(registry.HKEY_CURRENT_USER, path, 0, access) as key:
                registry.DeleteValue(key, self._name)
        except FileNotFoundError:
            return


def desktop_entry(command: Sequence[str]) -> str:
    """Return the shipped desktop entry with this command in it."""
    lines = shared("devstream.desktop").read_text(encoding="utf-8").splitlines()
    whole = " ".join(_quoted(part) for part in command)
    return "\n".join(f"Exec={whole}" if one.startswith("Exec=") else one for one in lines) + "\n"


def _quoted(part: str) -> str:
    """Quote an argument of `Exec` (Desktop Entry Specification, "The Exec key")."""
    inside = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in part)
    # The value is a string of the file, in which each backslash is written twice.
    return '"' + inside.replace("\\", "\\\\").replace("%", "%%") + '"'


def _text(path: Path) -> str | None:
    """Read a desktop entry.

    None where there is none, empty where it is no text.
    """
    # Not looked for first: it may go between.
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise _unreadable(path, error) from None


def _starts(text: str) -> bool:
    """Tell whether an entry of this text starts something at login."""
    entries = configparser.RawConfigParser(strict=False, delimiters=("=",))
    entries.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        entries.read_string(text)
    except configparser.Error:
        return False
    if not entries.has_section(_ENTRY):
        return False
    entry = entries[_ENTRY]
    # GNOME's and XFCE's settings switch it off by one of these two.
    hidden = entry.get("Hidden", "false").strip() == "true"
    wanted = entry.get("X-GNOME-Autostart-enabled", "true").strip() == "true"
    return wanted and not hidden and bool(entry.get("Exec", "").strip())


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, content)
    except OSError as error:
        raise AutostartError(_advice(path, error)) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise AutostartError(_advice(path, error)) from error


def _unreadable(path: Path, error: OSError) -> AutostartError:
    said = _("{path} cannot be read: {reason}")
    return AutostartError(said.format(path=path, reason=machine.reason(error)))


def _advice(path: Path, error: OSError) -> str:
    said = _(
        "start at login is as it was: {path} cannot be written: {reason}; make its folder your own"
    )
    return said.format(path=path, reason=machine.reason(error))
