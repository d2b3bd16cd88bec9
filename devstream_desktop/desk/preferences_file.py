"""Writing of `desk.toml` and `settings.toml` for the settings window.

A `Change` turns the text of a file into the text that is to be. Comments and order stay. A file
with a mistake is never written: whoever made the mistake mends it. Nothing is written that would
not be read as it was meant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import tomlkit.exceptions

from devstream_desktop import machine
from devstream_desktop.config import read_text
from devstream_desktop.desk.duty import Duty
from devstream_desktop.desk.preferences import (
    Preferences,
    PreferencesError,
    Search,
    fields_of,
    parse_preferences,
)
from devstream_desktop.desk.toml_edit import (
    add_table,
    change_table,
    clear_tables,
    count_tables,
    move_table,
    remove_table,
    remove_value,
    set_value,
)
from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import _
from devstream_desktop.private_file import write_private
from devstream_desktop.settings import Settings, SettingsError, parse_settings
from devstream_desktop.shared_files import shared
from devstream_desktop.stream.rules import DAYS, DEFAULT, Rule

Change = Callable[[str], str]
_T = TypeVar("_T")
_ABOUT = {
    "names": "what git and the forges call you, besides your name in the team",
    "icon": "what colours the tray icon: worst, unclaimed or production",
    "colours": "system, light or dark",
    "language": "system, en or de; a new one counts from the next start",
    "call_off_duty": "true: off duty, be told of critical things that nobody on duty looks at",
    "at_start": "when your hours begin: on, remind or nothing",
    "at_end": "when they end: off, remind or nothing",
    "listen": "address of the peer-to-peer listener; port 0: the last one used",
    "addresses": "where others reach this node besides, as behind a router",
    "peers": "peers to dial where multicast does not reach",
    "discovery": "find peers on the local network",
}
"""Notes beside a key that a file did not have."""


def edit_preferences(path: Path, change: Change) -> Preferences:
    """Change `desk.toml`, and return what it says now.

    A file that is not there begins as the example without its rules.

    Raises:
        PreferencesError: it has a mistake, or cannot be read or written; it is as it was.

    """
    return _edit(path, change, parse_preferences, example("desk.toml"), PreferencesError)


def edit_settings(path: Path, change: Change) -> Settings:
    """Change `settings.toml`, and return what it says now.

    Raises:
        SettingsError: it has a mistake, or cannot be read or written; it is as it was.

    """
    return _edit(path, change, parse_settings, "", SettingsError)


def example(name: str) -> str:
    """Return an example file without its rules and searches."""
    text = shared("examples", name).read_text(encoding="utf-8")
    return clear_tables(clear_tables(text, "rule"), "search").rstrip() + "\n"


def option(value: object, *keys: str) -> Change:
    """Set one value, at tables from the outside in."""
    return lambda text: set_value(text, keys, value, _ABOUT.get(keys[-1], ""))


def duty(wanted: Duty) -> Change:
    """Set everything about duty."""

    def change(text: str) -> str:
        text = option(wanted.at_start.value, "duty", "at_start")(text)
        text = option(wanted.at_end.value, "duty", "at_end")(text)
        for day in DAYS:
            span: str | None = getattr(wanted.hours, day)
            keys = ("duty", "hours", day)
            text = set_value(text, keys, span) if span else remove_value(text, keys)
        return text

    return change


class Step:
    """A change that can be taken back until the file changes again."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._before = ""
        self._after: str | None = None

    @property
    def done(self) -> bool:
        """True once the change was made."""
        return self._after is not None

    def __call__(self, text: str) -> str:
        """Make the change."""
        after = self._change(text)
        self._before, self._after = text, after
        return after

    def undo(self, text: str) -> str:
        """Take the change back.

        Raises:
            PreferencesError: the file has changed since.

        """
        if text != self._after:
            raise PreferencesError(_("desk.toml was changed since, so nothing was undone"))
        return self._before


@dataclass(frozen=True)
class Items:
    """Changes of a list of tables, for whoever looked at `given`.

    Each raises `PreferencesError` where the file has another list by now, because a number would
    mean another table there.
    """

    given: tuple[Rule, ...] | tuple[Search, ...]
    key: str

    def add(self, item: Rule | Search) -> Change:
        """Add an item to the end."""
        return self._change(lambda text: add_table(text, self.key, fields_of(item)))

    def change(self, at: int, item: Rule | Search) -> Change:
        """Put an item in place of another."""
        return self._change(lambda text: change_table(text, self.key, at, fields_of(item)))

    def remove(self, at: int) -> Change:
        """Take an item away."""
        return self._change(lambda text: remove_table(text, self.key, at))

    def move(self, at: int, to: int) -> Change:
        """Move an item to the place of another."""
        return self._change(lambda text: move_table(text, self.key, at, to))

    def _change(self, act: Change) -> Change:
        def change(text: str) -> str:
            found = parse_preferences(text, "desk.toml")
            if (found.rules if self.key == "rule" else found.searches) != self.given:
                raise PreferencesError(
                    _("desk.toml was changed elsewhere meanwhile; look at it here and try again")
                )
            if self.key == "rule" and not count_tables(text, "rule"):
                # With one rule in the file the usual ones are gone, so they come along.
                for rule in DEFAULT:
                    text = add_table(text, "rule", fields_of(rule))
            return act(text)

        return change


def rules(given: tuple[Rule, ...]) -> Items:
    """Return the changes of the rules."""
    return Items(given, "rule")


def searches(given: tuple[Search, ...]) -> Items:
    """Return the changes of the saved searches."""
    return Items(given, "search")


def usual_rules(text: str) -> str:
    """Take all rules away; then the usual ones count."""
    return clear_tables(text, "rule")


def _edit(
    path: Path,
    change: Change,
    parse: Callable[[str, str], _T],
    begin: str,
    error: type[DevstreamError],
) -> _T:
    text = read_text(path, error)
    if text is not None:
        parse(text, str(path))
    try:
        changed = change(begin if text is None else text)
    except tomlkit.exceptions.TOMLKitError as wrong:
        said = _("{path} cannot be changed here ({reason}); change it by hand")
        raise error(said.format(path=path, reason=wrong)) from wrong
    result = parse(changed, str(path))
    try:
        # A link leads to where a person keeps such files.
        place = path.resolve()
        if text is not None and b"\r\n" in place.read_bytes():
            changed = changed.replace("\n", "\r\n")
        if read_text(path, error) != text:
            said = _("{path} was changed elsewhere at this moment; try again")
            raise error(said.format(path=path))
        write_private(place, changed.encode())
    except OSError as wrong:
        said = _("{path} is as it was: it cannot be written: {reason}")
        raise error(said.format(path=path, reason=machine.reason(wrong))) from wrong
    return result
