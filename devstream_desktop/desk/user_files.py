"""Files of one user by which desktop and shells know devstream.

They are where the XDG Base Directory Specification, the Desktop Menu Specification and the Icon
Theme Specification say, and where bash-completion, zsh, fish and man look.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstream_desktop import __version__
from devstream_desktop.desk.autostart import DesktopEntry, autostart, desktop_entry, tray_command
from devstream_desktop.home import Home
from devstream_desktop.language import _
from devstream_desktop.shared_files import shared

ENTRY = "devstream.desktop"


@dataclass(frozen=True)
class UserFiles:
    """Paths in the folders of one user.

    Args:
        data: `XDG_DATA_HOME`.
        config: `XDG_CONFIG_HOME`.
        system: `XDG_DATA_DIRS`, where a package of the system puts its files.

    """

    data: Path
    config: Path
    system: tuple[Path, ...] = ()

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] = os.environ) -> UserFiles:
        """Return the paths of this user's session."""
        home = Path.home()
        system = environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        return cls(
            data=Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share"),
            config=Path(environ.get("XDG_CONFIG_HOME") or home / ".config"),
            system=tuple(Path(one) for one in system.split(":") if one),
        )

    @property
    def entry(self) -> Path:
        return self.data / "applications" / ENTRY

    @property
    def icon(self) -> Path:
        return self.data / "icons" / "hicolor" / "scalable" / "apps" / "devstream.svg"

    @property
    def completions(self) -> dict[str, Path]:
        """The script of each shell."""
        return {
            "bash": self.data / "bash-completion" / "completions" / "devstream",
            "zsh": self.data / "zsh" / "site-functions" / "_devstream",
            "fish": self.config / "fish" / "completions" / "devstream.fish",
        }

    @property
    def manual(self) -> Path:
        """The folder of the manual pages."""
        return self.data / "man" / "man1"

    def packaged(self) -> Path | None:
        """Return the menu entry of a system package, if any."""
        found = (one / "applications" / ENTRY for one in self.system)
        return next((path for path in found if path.exists()), None)

    def contents(self, home: Home) -> dict[Path, str]:
        """Return the text of each file that the desktop reads."""
        return {
            self.entry: menu_entry(home),
            self.icon: shared("icons", "devstream.svg").read_text(encoding="utf-8"),
        }

    def trouble(self, home: Home) -> str:
        """Return why the desktop does not start this devstream; empty where it does."""
        try:
            entry = self.entry.read_text(encoding="utf-8")
        except FileNotFoundError:
            return "" if self.packaged() else _("devstream is not in the menu of this desktop")
        except (OSError, UnicodeDecodeError):
            return _("{path} cannot be read: remove it").format(path=self.entry)
        wanted = menu_entry(home)
        if _value(entry, "Exec") != _value(wanted, "Exec"):
            return _("the menu starts another devstream: {command}").format(
                command=_value(entry, "Exec")
            )
        login = autostart(home)
        if isinstance(login, DesktopEntry) and login.starts_another():
            return _("the login starts another devstream: see {path}").format(path=login.path)
        if entry != wanted:
            return _("the menu entry is of another version")
        others = [self.icon, *self.completions.values(), self.manual / "devstream.1"]
        missing = [path for path in others if not path.exists()]
        return _("{path} is missing").format(path=missing[0]) if missing else ""


def menu_entry(home: Home) -> str:
    """Return the menu entry that starts the tray of this home.

    It names its version, by which one that an update left behind is known.
    """
    entry = desktop_entry(tray_command(home))
    return f"{entry}X-Devstream-Version={__version__}\n"


def _value(entry: str, key: str) -> str:
    found = re.search(rf"^{key}=(.*)$", entry, re.MULTILINE)
    return found[1] if found else ""
