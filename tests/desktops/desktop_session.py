"""A real desktop, headless, on a session bus and in folders of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import psutil

_SERVICES = Path("/usr/share/dbus-1/services")
_BUS = """<busconfig>
 <type>session</type><listen>unix:path={bus}</listen><auth>EXTERNAL</auth>
 <servicedir>{services}</servicedir>
 <policy context="default"><allow send_destination="*" eavesdrop="true"/>
  <allow eavesdrop="true"/><allow own="*"/></policy>
 <limit name="max_replies_per_connection">50000</limit>
</busconfig>
"""


class Session(ABC):
    """A desktop's processes, and what they tell of the screen."""

    name: str
    programs: tuple[str, ...]
    """The programs without which it cannot start."""
    services: tuple[str, ...] = ()
    """The services that a message on the bus may start; no others, so the tested one answers."""
    tray_program = ""
    """The program that shows tray items."""
    variables: Mapping[str, str] = MappingProxyType({})
    has_tray = True
    has_popups = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_folder = folder / "run"
        for part in ("run", "config", "cache", "data", "services"):
            (folder / part).mkdir(mode=0o700, parents=True)
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        kept = ("PATH", "HOME", "USER", "LANG")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ}
        self.environment |= {
            "XDG_RUNTIME_DIR": str(self.run_folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "GSETTINGS_BACKEND": "keyfile",
            "NO_AT_BRIDGE": "1",
            "LC_ALL": "C.UTF-8",
            "XDG_SESSION_TYPE": "wayland",
            **self.variables,
        }

    @classmethod
    def missing(cls) -> str:
        """The programs that are not installed, or nothing."""
        return ", ".join(program for program in cls.programs if not shutil.which(program))

    @property
    def bus(self) -> str:
        return self.environment["DBUS_SESSION_BUS_ADDRESS"]

    @property
    def for_programs(self) -> dict[str, str]:
        """The variables by which a program finds this screen and its bus."""
        names = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_CURRENT_DESKTOP",
                 "XDG_SESSION_TYPE", "GSETTINGS_BACKEND")  # fmt: skip
        found = {name: self.environment[name] for name in names if name in self.environment}
        if "WAYLAND_DISPLAY" in found:
            # Whole, because the program has a runtime folder of its own.
            found["WAYLAND_DISPLAY"] = str(self.run_folder / found["WAYLAND_DISPLAY"])
        return found

    def begin(self) -> None:
        """Start it; its screen and notification server are there afterwards."""
        self.start_bus()
        self.start_screen()
        if self.has_tray:
            self.show_tray()

    def end(self) -> None:
        """End what was started, the newest first."""
        while self._processes:
            self.stop(self._processes[-1][0])

    def stop(self, name: str) -> None:
        """End the newest program of this name."""
        place = max(at for at, (other, _) in enumerate(self._processes) if other == name)
        _, process = self._processes.pop(place)
        helpers = []
        with contextlib.suppress(psutil.NoSuchProcess):
            helpers = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        # Plasma's services leave some behind.
        for helper in psutil.wait_procs(helpers, timeout=1)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                helper.kill()

    @abstractmethod
    def start_screen(self) -> None:
        """Start all but the tray."""

    def show_tray(self) -> None:
        """Start the tray's host, and wait for it."""
        raise NotImplementedError

    def hide_tray(self) -> None:
        """End the tray's host, and wait until it is gone."""
        self.stop(self.tray_program)
        self.wait(lambda: not self.has_tray_host(), "the end of the tray")

    @abstractmethod
    def windows(self) -> list[str]:
        """The titles of the windows on the screen, as the desktop knows them."""

    def focused(self) -> str | None:
        """The title of the window that has the keyboard; None where the desktop tells nobody."""
        return None

    def choose(self, number: int, action: str, label: str) -> bool:
        """Choose an action of a popup as its server lets one; false where none but a mouse can."""
        return False

    def picture(self, path: Path) -> bool:
        """Make a picture of the screen; false where the desktop makes none."""
        return False

    def start_bus(self) -> None:
        bus, config = self.run_folder / "bus", self.folder / "bus.conf"
        for name in self.services:
            (self.folder / "services" / f"{name}.service").symlink_to(_SERVICES / f"{name}.service")
        config.write_text(_BUS.format(bus=bus, services=self.folder / "services"))
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={bus}"
        self.start("dbus-daemon", f"--config-file={config}", "--nofork")
        self.wait(bus.exists, "the session bus")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program of the desktop; its log is in the folder, under its name."""
        name = Path(command[0]).name
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdout=log, stderr=log
            )
        self._processes.append((name, process))
        return process

    def told(self, *command: str, wait: float = 5) -> str:
        """Return the words that a program prints; none where it fails or takes long."""
        try:
            done = subprocess.run(
                command, env=self.environment, cwd=self.folder,
                capture_output=True, text=True, timeout=wait, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    def wait(self, what: Callable[[], object], name: str, timeout: float = 30) -> None:
        """Wait for a part of the desktop.

        Raises:
            AssertionError: it is not there in time, with what the programs said.

        """
        end = time.monotonic() + timeout
        while not what():
            gone = [name for name, process in self._processes if process.poll() is not None]
            if time.monotonic() > end or gone:
                raise AssertionError(f"{self.name}: {name} is missing; ended: {gone}\n{self.logs}")
            time.sleep(0.05)

    @property
    def logs(self) -> str:
        return "\n".join(
            f"{log.name}: {log.read_text(errors='replace')[-1500:]}"
            for log in self.folder.glob("*.log")
        )

    def has_name(self, name: str) -> bool:
        """Tell whether a service is on the bus."""
        said = self.told(
            "gdbus", "call", "--session", "-d", "org.freedesktop.DBus",
            "-o", "/org/freedesktop/DBus", "-m", "org.freedesktop.DBus.NameHasOwner", name,
        )  # fmt: skip
        return said == "(true,)"

    def has_tray_host(self) -> bool:
        """Tell whether somebody shows tray items."""
        said = self.told(
            "gdbus", "call", "--session", "-d", "org.kde.StatusNotifierWatcher",
            "-o", "/StatusNotifierWatcher", "-m", "org.freedesktop.DBus.Properties.Get",
            "org.kde.StatusNotifierWatcher", "IsStatusNotifierHostRegistered",
        )  # fmt: skip
        return said == "(<true>,)"
