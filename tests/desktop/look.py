"""Makes the pictures by which the desk is looked at: `python tests/desktop/look.py OUTDIR`.

The real desk with a fake node, on XFCE's panel and notification server, in a display of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pynng
import story
from fake_node import Orders
from jeepney import DBusAddress, Properties, new_method_call
from jeepney.io.blocking import open_dbus_connection

from devstream_desktop.desk.store import OPENED, DeskStore
from devstream_desktop.home import Home
from devstream_desktop.stream.event import encode_event

HERE = Path(__file__).parent
TRAY = ("1200", "15")
"""The place of the icon: the panel's only item, left of the clock."""
AWAY = ("mousemove", "60", "780")
"""A place of the mouse that shows no tooltip."""
SCREEN = "1280x800"
HISTORY = "^devstream( · acme)?$"
PEERS = [
    {
        "device": f"{name}7qd2",
        "person": name,
        "address": f"10.0.0.{place}:7450",
        "state": "live",
        "seen": int(time.time() * 1000),
        "direction": "accepted" if place == 7 else "dialed",
        "clock_offset": 3_400 if place == 8 else 120,
    }
    for place, name in enumerate(("bo", "chen", "dara"), 6)
]
LOCKED = (
    "the keyring, which holds this node's keys, is locked; "
    "enter its password (its window may be behind others)"
)
LOST = [{"device": "chen7qd2", "person": "chen", "why": "nobody", "count": 3}]
NOTIFYD = "/usr/lib/x86_64-linux-gnu/xfce4/notifyd/xfce4-notifyd"
PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
 <property name="configver" type="int" value="2"/>
 <property name="panels" type="array"><value type="int" value="1"/>
  <property name="panel-1" type="empty">
   <property name="position" type="string" value="p=6;x=0;y=0"/>
   <property name="length" type="uint" value="100"/>
   <property name="position-locked" type="bool" value="true"/>
   <property name="size" type="uint" value="30"/>
   <property name="plugin-ids" type="array">
    <value type="int" value="1"/><value type="int" value="2"/>
    <value type="int" value="3"/><value type="int" value="4"/></property>
  </property>
 </property>
 <property name="plugins" type="empty">
  <property name="plugin-1" type="string" value="tasklist"/>
  <property name="plugin-2" type="string" value="separator">
   <property name="expand" type="bool" value="true"/>
   <property name="style" type="uint" value="0"/></property>
  <property name="plugin-3" type="string" value="systray"/>
  <property name="plugin-4" type="string" value="clock"/>
 </property>
</channel>
"""


class Session:
    """One throw-away desktop session."""

    def __init__(self, folder: Path, *, dark: bool, screen: str = SCREEN) -> None:
        self.folder = folder
        self.screen = screen
        self.processes: list[subprocess.Popen[bytes]] = []
        for name in ("run", "config", "cache", "data", "home"):
            (folder / name).mkdir(mode=0o700, parents=True)
        # Not a first start, which shows the window by itself.
        with DeskStore(Home(folder / "home").desk) as store:
            store.set_note(OPENED, b"yes")
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("QT_", "XDG_", "WAYLAND_", "DBUS_"))
        }
        self.env |= {
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_SESSION_TYPE": "x11",
            "XDG_CURRENT_DESKTOP": "XFCE",
            "NO_AT_BRIDGE": "1",
            "LC_ALL": "C.UTF-8",
            "QT_QPA_PLATFORM": "xcb",
            "GTK_THEME": "Adwaita:dark" if dark else "Adwaita",
        }

    def start(self, *command: str, log: str = "session") -> subprocess.Popen[bytes]:
        with (self.folder / f"{log}.log").open("ab") as file:
            process = subprocess.Popen(command, env=self.env, stdout=file, stderr=file)
        self.processes.append(process)
        return process

    def begin(self) -> None:
        self.env["DISPLAY"] = ":" + self._told(
            "Xvfb", "-displayfd", "{}", "-screen", "0", f"{self.screen}x24", "-nolisten", "tcp"
        )
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self._told(
            "dbus-daemon", "--session", "--nofork", "--print-address={}"
        )
        panel = self.folder / "config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"
        panel.parent.mkdir(parents=True)
        panel.write_text(PANEL)
        self.start("openbox")
        self.start(NOTIFYD)
        self.start("xfce4-panel", "--disable-wm-check")
        self.run("display", "-window", "root", "-size", self.screen, "xc:#3b5268")
        time.sleep(2)

    def end(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(4)

    def run(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=20, check=False
        ).stdout.strip()

    def picture(self, path: Path, crop: str = "") -> None:
        self.run(
            "import", "-window", "root", *(["-crop", crop, "+repage"] if crop else []), str(path)
        )

    def window(self, title: str, *, size: str = "", timeout: float = 8) -> str:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = self.run("xdotool", "search", "--onlyvisible", "--name", title).split()
            if found:
                if size:
                    self.run("xdotool", "windowsize", found[-1], *size.split("x"))
                    self.run("xdotool", "windowmove", found[-1], "150", "80")
                self.run("xdotool", "windowactivate", "--sync", found[-1])
                time.sleep(0.8)
                return found[-1]
            time.sleep(0.1)
        raise SystemExit(f"no window {title!r}; see {self.folder}")

    def open_history(self) -> None:
        """Bring up the window, by way of the peek."""
        self.run("xdotool", "mousemove", *TRAY, "click", "1")
        self.window("^devstream: red now")
        self.run("xdotool", "key", "Tab", "space")
        self.window(HISTORY, size="900x600")

    def shot(self, path: Path, title: str) -> None:
        """A picture of one window."""
        self.run("import", "-frame", "-window", self.window(title), str(path))

    def order(self, **orders: object) -> None:
        with pynng.Req0(send_timeout=9_000, recv_timeout=9_000) as socket:
            socket.dial(f"ipc://{self.folder / 'home' / 'fake'}", block=False)
            socket.send(msgspec.msgpack.encode(Orders(**orders)))  # type: ignore[arg-type]
            socket.recv()

    def item(self) -> tuple[str, str]:
        """The bus name and menu path of the tray's item."""
        watcher = DBusAddress(
            "/StatusNotifierWatcher",
            bus_name="org.kde.StatusNotifierWatcher",
            interface="org.kde.StatusNotifierWatcher",
        )
        with open_dbus_connection(self.env["DBUS_SESSION_BUS_ADDRESS"]) as bus:
            items = bus.send_and_get_reply(
                Properties(watcher).get("RegisteredStatusNotifierItems")
            ).body[0][1]
        return str(items[-1]).partition("/")[0], "/MenuBar"

    def wait_item(self) -> None:
        for _ in range(100):
            with contextlib.suppress(IndexError):
                if self.item()[0]:
                    time.sleep(1.5)  # the panel draws it
                    return
            time.sleep(0.1)
        raise SystemExit(f"no tray item; see {self.folder}")

    def menu(self, *labels: str) -> None:
        """Choose an entry of the tray's menu, as a panel does."""
        owner, path = self.item()
        menu = DBusAddress(path, bus_name=owner, interface="com.canonical.dbusmenu")
        with open_dbus_connection(self.env["DBUS_SESSION_BUS_ADDRESS"]) as bus:
            number, _, children = bus.send_and_get_reply(
                new_method_call(menu, "GetLayout", "iias", (0, -1, []))
            ).body[1]
            for label in labels:
                number, _, children = next(
                    node
                    for _, node in children
                    if str(node[1].get("label", ("s", ""))[1]).replace("_", "") == label
                )
            bus.send_and_get_reply(
                new_method_call(menu, "Event", "isvu", (number, "clicked", ("i", 0), 0))
            )

    def _told(self, *command: str) -> str:
        read, write = os.pipe()
        with (self.folder / "session.log").open("ab") as log:
            process = subprocess.Popen(
                [part.format(write) for part in command],
                env=self.env,
                pass_fds=[write],
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        os.close(write)
        with os.fdopen(read) as line:
            return line.readline().strip()


@contextlib.contextmanager
def session(*, dark: bool, screen: str = SCREEN) -> Iterator[Session]:
    with tempfile.TemporaryDirectory(prefix="look-") as name:
        session = Session(Path(name), dark=dark, screen=screen)
        try:
            session.begin()
            yield session
        finally:
            session.end()


def now() -> int:
    return int(time.time() * 1000)


def pictures(out: Path, *, dark: bool) -> None:
    side = "dark" if dark else "light"
    with session(dark=dark) as desk:
        home = desk.folder / "home"
        os.environ["XDG_RUNTIME_DIR"] = desk.env["XDG_RUNTIME_DIR"]
        (Home(home).runtime() / "told-hidden").touch()  # its popup would stand before the others
        desk.start(sys.executable, str(HERE / "fake_node.py"), str(home), log="node")
        desk.order(events=[encode_event(event) for event in story.day(now())], age=30_000)
        desk.start(sys.executable, str(HERE / "start_desk.py"), str(home), log="desk")
        desk.wait_item()
        desk.order(status={"peers": PEERS, "on_duty": False})
        desk.open_history()
        desk.run("xdotool", *AWAY)
        desk.shot(out / f"history-{side}.png", HISTORY)
        desk.run("xdotool", "key", *["Down"] * 7)
        desk.shot(out / f"details-{side}.png", HISTORY)
        desk.run("xdotool", "key", "Escape", "ctrl+f")
        desk.run("xdotool", "type", "retry")
        desk.shot(out / f"search-{side}.png", HISTORY)
        desk.run("xdotool", "type", "xyz")
        desk.shot(out / f"nothing-{side}.png", HISTORY)
        desk.run("xdotool", "key", "Escape")
        desk.order(status={"solo": True})
        desk.shot(out / f"solo-{side}.png", HISTORY)
        desk.order(status={"solo": False, "locked": LOCKED})
        desk.shot(out / f"locked-{side}.png", HISTORY)
        desk.run("xdotool", "mousemove", *TRAY)
        time.sleep(1.5)
        desk.picture(out / f"locked-tray-{side}.png", "760x120+520+0")
        desk.run("xdotool", *AWAY)
        desk.order(status={"locked": "", "missing": 7_880, "catch_up_total": 12_000})
        desk.shot(out / f"catching-up-{side}.png", HISTORY)
        desk.menu("Status…")
        desk.window("^devstream status")
        desk.order(
            status={
                "missing": 7_880,
                "lost": LOST,
                "peers": [PEERS[0] | {"state": "syncing", "behind": 7_880}, *PEERS[1:]],
            }
        )
        desk.shot(out / f"status-catching-up-{side}.png", "^devstream status")
        desk.run("xdotool", "key", "Escape")
        desk.order(status={"missing": 0, "catch_up_total": 0, "lost": [], "peers": PEERS})
        desk.window(HISTORY)
        desk.run("xdotool", "key", "ctrl+w")
        for name, title, entry in (
            ("deploy", "^Deploy shop", ("Deploy", "shop", "production…")),
            ("invite", "^Invite", ("Invite…",)),
            ("status", "^devstream status", ("Status…",)),
            ("team", "^devstream team", ("Team…",)),
        ):
            desk.menu(*entry)
            desk.window(title)
            if name == "deploy":
                desk.run("xdotool", "key", "shift+Tab")
                desk.run("xdotool", "type", "production")
            desk.shot(out / f"{name}-{side}.png", title)
            desk.run("xdotool", "key", "Escape")
            time.sleep(0.3)
        desk.order(status={"on_duty": True})
        fresh = story.push(
            "checkout", now(), "bo", "Show the delivery date in the basket", "9ab3c41" * 5 + "9ab3c"
        )
        failed = story.deploy(
            "shop",
            now(),
            "failure",
            story.SHAS["vat"],
            "ef" * 16,
            who="chen",
            duration=41_000,
            reason="exit 3: health check",
        )
        desk.order(events=[encode_event(event) for event in (fresh, failed)])
        desk.run("xdotool", *AWAY)
        time.sleep(1.5)
        desk.picture(out / f"popup-{side}.png", "760x400+520+0")
        desk.run("xdotool", "mousemove", *TRAY, "click", "3")
        time.sleep(1)
        desk.run("xdotool", "key", *["Down"] * 8, "Right", "Down", "Right")
        time.sleep(1)
        desk.picture(out / f"menu-{side}.png", "1000x420+280+0")
        desk.run("xdotool", "key", "Escape", "Escape", "Escape")
        desk.run("xdotool", "mousemove", *TRAY, "click", "1")
        time.sleep(1)
        desk.picture(out / f"peek-{side}.png", "760x420+520+0")
        desk.run("xdotool", "key", "Escape")
        desk.open_history()
        desk.run("xdotool", *AWAY)
        desk.picture(out / f"desktop-{side}.png")
        desk.order(strike=4, status={"policy_version": 8})
        desk.run("xdotool", "key", "Down")
        desk.shot(out / f"struck-{side}.png", HISTORY)
        print((desk.folder / "desk.log").read_text()[-2000:])  # noqa: T201


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        pictures(folder, dark=dark)
