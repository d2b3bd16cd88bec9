"""The desktops: each starts headless, and tells what is on its screen."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import MappingProxyType

from desktop_session import Session
from look import NOTIFYD, PANEL

SIZE = "1280x800"
NOTIFICATIONS = "org.freedesktop.Notifications"
_NOBODY = 65534


class Weston(Session):
    """The reference compositor of Wayland: it has windows, and neither tray nor popups."""

    name = "weston"
    programs = ("weston", "weston-debug", "dbus-daemon")
    has_tray = False
    has_popups = False
    variables = MappingProxyType({"WAYLAND_DISPLAY": "wayland-test"})

    def start_screen(self) -> None:
        width, height = SIZE.split("x")
        self.start(
            "weston", "--backend=headless-backend.so", "--socket=wayland-test", "--no-config",
            f"--width={width}", f"--height={height}", "--debug", "--idle-time=0",
        )  # fmt: skip
        self.wait((self.run_folder / "wayland-test").exists, "its socket")

    def focused(self) -> str:
        # There is no seat; the window in front is told first.
        return (self.windows() or [""])[0]

    def windows(self) -> list[str]:
        return re.findall(r"top-level window '(.*?)' of", self.told("weston-debug", "scene-graph"))


class Sway(Session):
    """A tiling compositor, with waybar's tray and mako's popups."""

    name = "sway"
    tray_program = "waybar"
    programs = ("sway", "swaymsg", "waybar", "mako", "makoctl", "gdbus", "setpriv")
    variables = MappingProxyType(
        {
            "XDG_CURRENT_DESKTOP": "sway",
            "WLR_BACKENDS": "headless",
            "WLR_LIBINPUT_NO_DEVICES": "1",
            "WLR_RENDERER": "pixman",
        }
    )

    def start_screen(self) -> None:
        for part in ("sway", "waybar"):
            (self.folder / "config" / part).mkdir()
        config = self.folder / "config/sway/config"
        config.write_text(f"output HEADLESS-1 resolution {SIZE}\n")
        (self.folder / "config/waybar/config").write_text(
            '{"layer": "top", "position": "top", "modules-right": ["tray", "clock"]}'
        )
        command = ["sway", "-c", str(config)]
        if os.getuid() == 0:
            # It refuses to run as root.
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, _NOBODY, _NOBODY)
            identity = (f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
            command = ["setpriv", *identity, *command]
        self.start(*command)
        self.wait(lambda: self._sockets("wayland-*"), "its screen")
        self.wait(lambda: self._sockets("sway-ipc.*"), "its control socket")
        self.environment["WAYLAND_DISPLAY"] = self._sockets("wayland-*")[0].name
        self.environment["SWAYSOCK"] = str(self._sockets("sway-ipc.*")[0])
        self.start("mako")
        self.wait(lambda: self.has_name(NOTIFICATIONS), "mako")

    def show_tray(self) -> None:
        self.start("waybar")
        self.wait(self.has_tray_host, "waybar's tray")

    def focused(self) -> str:
        return next((one["name"] for one in self._shown() if one["focused"]), "")

    def windows(self) -> list[str]:
        return [one["name"] for one in self._shown()]

    def choose(self, number: int, action: str, label: str) -> bool:
        self.told("makoctl", "invoke", "-n", str(number), action)
        return True

    def picture(self, path: Path) -> bool:
        self.told("grim", str(path))
        return path.exists()

    def _shown(self) -> list[dict]:
        """The windows of sway's tree."""
        found, left = [], [json.loads(self.told("swaymsg", "-t", "get_tree"))]
        while left:
            one = left.pop()
            left += [*one["nodes"], *one["floating_nodes"]]
            if one["type"] in ("con", "floating_con") and one.get("pid"):
                found.append(one)
        return found

    def _sockets(self, pattern: str) -> list[Path]:
        return [path for path in self.run_folder.glob(pattern) if path.is_socket()]


class Xfce(Session):
    """XFCE's panel and notification server, under X."""

    name = "xfce"
    tray_program = "xfce4-panel"
    programs = ("Xvfb", "openbox", "xfce4-panel", "xdotool", "gdbus")
    services = ("org.xfce.Xfconf",)
    variables = MappingProxyType(
        {"XDG_CURRENT_DESKTOP": "XFCE", "XDG_SESSION_TYPE": "x11", "GTK_THEME": "Adwaita"}
    )

    def start_screen(self) -> None:
        read, write = os.pipe()
        command = ("Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE}x24")
        with (self.folder / "Xvfb.log").open("ab") as log:
            process = subprocess.Popen(command, pass_fds=[write], stdout=log, stderr=log)
        self._processes.append(("Xvfb", process))
        os.close(write)
        with os.fdopen(read) as line:
            self.environment["DISPLAY"] = f":{line.readline().strip()}"
        panel = self.folder / "config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"
        panel.parent.mkdir(parents=True)
        panel.write_text(PANEL)
        self.start("openbox")
        self.start_popups()
        self.wait(lambda: self.has_name(NOTIFICATIONS), "the notification server")

    def start_popups(self) -> None:
        self.start(NOTIFYD)

    def show_tray(self) -> None:
        self.start("xfce4-panel", "--disable-wm-check")
        self.wait(self.has_tray_host, "the panel's tray")

    def focused(self) -> str:
        return self.told("xdotool", "getactivewindow", "getwindowname")

    def windows(self) -> list[str]:
        found = self.told("xdotool", "search", "--onlyvisible", "--name", "devstream").split()
        return [self.told("xdotool", "getwindowname", number) for number in found]

    def picture(self, path: Path) -> bool:
        self.told("import", "-window", "root", str(path))
        return path.exists()


class XfceDunst(Xfce):
    """XFCE's panel with dunst, whose actions are chosen from a menu."""

    name = "xfce-dunst"
    programs = (*Xfce.programs, "dunst", "dunstctl")

    def start_popups(self) -> None:
        self._chosen = self.folder / "chosen"
        menu = self.folder / "menu"
        # Takes the place of dmenu: the wanted line of those offered.
        menu.write_text(f'#!/bin/sh\nexec grep -F -m1 -f "{self._chosen}"\n')
        menu.chmod(0o700)
        config = self.folder / "config/dunst/dunstrc"
        config.parent.mkdir()
        config.write_text(f"[global]\ndmenu = {menu}\n")
        self.start("dunst", "-conf", str(config))

    def choose(self, number: int, action: str, label: str) -> bool:
        # As it names an action in the menu.
        self._chosen.write_text(f"[{number},{action}]")
        self.told("dunstctl", "context")
        return True


class Gnome(Session):
    """GNOME Shell, whose tray is the extension AppIndicator."""

    name = "gnome"
    programs = ("gnome-shell", "gjs", "gsettings", "gdbus", "unshare")
    services = ("org.gnome.Shell.Notifications", "org.gnome.ScreenSaver")
    variables = MappingProxyType({"XDG_CURRENT_DESKTOP": "GNOME"})
    extension = "ubuntu-appindicators@ubuntu.com"

    def start_screen(self) -> None:
        self.told("gsettings", "set", "org.gnome.shell", "welcome-dialog-last-shown-version", "99")
        system = f"unix:path={self.run_folder}/system_bus"
        self.environment["DBUS_SYSTEM_BUS_ADDRESS"] = system
        self.start("dbus-daemon", "--session", "--nofork", f"--address={system}")
        self.wait((self.run_folder / "system_bus").exists, "a system bus")
        shell = f"gnome-shell --headless --wayland --no-x11 --virtual-monitor {SIZE} --unsafe-mode"
        # Without systemd's folder it does not ask for a login session, which is not there.
        hide = "mount -t tmpfs none /run/systemd 2>/dev/null; exec "
        self.start("unshare", "-m", "--propagation", "private", "sh", "-c", hide + shell)
        self.wait(lambda: self._eval("1") == "1", "GNOME Shell", 60)
        self.wait(lambda: self.has_name(NOTIFICATIONS), "its notification server")
        # Its start ends in the overview, and tells root of being root.
        self.wait(lambda: self._eval("Main.layoutManager._startingUp") == "false", "its start")
        self._eval("Main.overview.hide()")
        self.wait(lambda: self._eval("Main.overview.visible") == "false", "the desktop")
        self._eval("Main.messageTray.getSources().forEach(source => source.destroy())")
        (socket,) = [path for path in self.run_folder.glob("wayland-?") if path.is_socket()]
        self.environment["WAYLAND_DISPLAY"] = socket.name

    def show_tray(self) -> None:
        enabled = f"['{self.extension}']"
        self.told("gsettings", "set", "org.gnome.shell", "enabled-extensions", enabled)
        self._eval(f"Main.extensionManager.enableExtension('{self.extension}')")
        self.wait(self.has_tray_host, "the extension AppIndicator")

    def hide_tray(self) -> None:
        self._eval(f"Main.extensionManager.disableExtension('{self.extension}')")
        self.wait(lambda: not self.has_tray_host(), "the end of the extension")

    def focused(self) -> str:
        window = "global.display.focus_window"
        return json.loads(self._eval(f"{window} ? {window}.title : null") or "null") or ""

    def windows(self) -> list[str]:
        return json.loads(
            self._eval("global.get_window_actors().map(a => a.meta_window.title)") or "[]"
        )

    def choose(self, number: int, action: str, label: str) -> bool:
        said = self._eval(
            "Main.messageTray.getSources().flatMap(s => s.notifications)"
            ".flatMap(n => n.actions).filter(a => a.label === " + json.dumps(label) + ")"
            ".map(a => a.callback()).length"
        )
        return said not in ("", "0")

    def picture(self, path: Path) -> bool:
        self.told(
            "gdbus", "call", "--session", "-d", "org.gnome.Shell.Screenshot",
            "-o", "/org/gnome/Shell/Screenshot", "-m", "org.gnome.Shell.Screenshot.Screenshot",
            "false", "false", str(path),
        )  # fmt: skip
        return path.exists()

    def _eval(self, code: str) -> str:
        """The JSON of an expression in the shell's own process."""
        said = self.told(
            "gdbus", "call", "--session", "-d", "org.gnome.Shell", "-o", "/org/gnome/Shell",
            "-m", "org.gnome.Shell.Eval", code,
        )  # fmt: skip
        found = re.fullmatch(r"\(true, '(.*)'\)", said, re.DOTALL)
        return found[1].replace("\\\\", "\\").replace("\\'", "'") if found else ""


class Plasma(Session):
    """KDE's compositor and shell."""

    name = "plasma"
    programs = ("kwin_wayland", "kded5", "plasmashell", "gdbus")
    services = ("org.kde.ActivityManager", "org.kde.kglobalaccel", "org.kde.krunner")
    variables = MappingProxyType(
        {
            "XDG_CURRENT_DESKTOP": "KDE",
            "KDE_FULL_SESSION": "true",
            "KDE_SESSION_VERSION": "5",
            "QT_QPA_PLATFORM": "wayland",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "KWIN_SCREENSHOT_NO_PERMISSION_CHECKS": "1",
        }
    )

    def start_screen(self) -> None:
        # A copy, because the installed one has a capability that a container may refuse.
        kwin = Path(shutil.copy(shutil.which("kwin_wayland") or "", self.folder / "kwin_wayland"))
        kwin.chmod(0o700)
        width, height = SIZE.split("x")
        self.start(
            str(kwin), "--virtual", "--width", width, "--height", height, "--no-lockscreen",
            "--socket", "wayland-kde", "--no-global-shortcuts",
        )  # fmt: skip
        self.wait((self.run_folder / "wayland-kde").exists, "its screen")
        self.environment["WAYLAND_DISPLAY"] = "wayland-kde"
        # For what the bus starts.
        self.told("dbus-update-activation-environment", "WAYLAND_DISPLAY")

    def show_tray(self) -> None:
        # kded takes the items, and says even without plasmashell that they are shown.
        self.start("kded5")
        self.wait(self.has_tray_host, "kded")
        shell = self.start("plasmashell", "--no-respawn")
        host = f"org.kde.StatusNotifierHost-{shell.pid}"
        self.wait(lambda: self.has_name(host), "Plasma's tray", 60)
        self.wait(lambda: self.has_name(NOTIFICATIONS), "its notification server")

    def hide_tray(self) -> None:
        self.stop("plasmashell")
        self.stop("kded5")
        self.wait(lambda: not self.has_tray_host(), "the end of kded")

    def windows(self) -> list[str]:
        said = self.told(
            "gdbus", "call", "--session", "-d", "org.kde.KWin", "-o", "/WindowsRunner",
            "-m", "org.kde.krunner1.Match", "devstream",
        )  # fmt: skip
        return re.findall(r"\('[^']*', '([^']*)'", said)

    def picture(self, path: Path) -> bool:
        self.told("spectacle", "-b", "-n", "-f", "-o", str(path), wait=20)
        return path.exists()


ALL: dict[str, type[Session]] = {
    one.name: one for one in (Weston, Xfce, XfceDunst, Sway, Gnome, Plasma)
}
