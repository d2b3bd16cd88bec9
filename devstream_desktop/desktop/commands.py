"""The commands of the app, each one action in one place.

Menus, the window's keys, the palette and the sheet of keys are all made from this list, so a
command has the same name and the same key wherever it is.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

from devstream_desktop.language import N_, _


class Command(StrEnum):
    """The commands."""

    FIND = "find"
    SAVE_SEARCH = "save-search"
    EXPORT = "export"
    APPROVE = "approve"
    CLAIM = "claim"
    RELEASE = "release"
    NOTE = "note"
    HAND = "hand"
    MUTE = "mute"
    OPEN_LINK = "open-link"
    COPY_LINE = "copy-line"
    COPY_MARKDOWN = "copy-markdown"
    COPY_LINK = "copy-link"
    UNFOLD = "unfold"
    NEWEST = "newest"
    SEEN = "seen"
    STREAM = "stream"
    BOARD = "board"
    HAND_OVER = "hand-over"
    WALL = "wall"
    DUTY = "duty"
    INVITE = "invite"
    STATUS = "status"
    SETTINGS = "settings"
    TEAM = "team"
    PALETTE = "palette"
    KEYS = "keys"
    CLOSE = "close"
    QUIT = "quit"


class Spec(msgspec.Struct, frozen=True):
    """Name of a command for a person, in English, and its keys."""

    text: str
    keys: tuple[str | QKeySequence.StandardKey, ...] = ()
    about_line: bool = False
    """It is about the chosen line, and needs one."""


SPECS: dict[Command, Spec] = {
    Command.FIND: Spec(N_("Search"), (QKeySequence.StandardKey.Find, "/")),
    Command.SAVE_SEARCH: Spec(N_("Save this search…"), ("Ctrl+S",)),
    Command.EXPORT: Spec(N_("Export what is shown…"), ("Ctrl+E",)),
    Command.APPROVE: Spec(N_("Review and approve…"), ("A",), about_line=True),
    Command.CLAIM: Spec(N_("I'm on it"), ("C",), about_line=True),
    Command.RELEASE: Spec(N_("I'm on it no more"), ("Shift+C",), about_line=True),
    Command.NOTE: Spec(N_("Write a note…"), ("T",), about_line=True),
    Command.HAND: Spec(N_("Ask somebody to take over…"), ("Shift+T",), about_line=True),
    Command.MUTE: Spec(N_("Mute for 4 hours"), ("M",), about_line=True),
    Command.OPEN_LINK: Spec(N_("Open its link"), ("O",), about_line=True),
    Command.COPY_LINE: Spec(N_("Copy the line"), (QKeySequence.StandardKey.Copy,), about_line=True),
    Command.COPY_MARKDOWN: Spec(N_("Copy as Markdown"), ("Ctrl+Shift+C",), about_line=True),
    Command.COPY_LINK: Spec(N_("Copy its link"), (), about_line=True),
    Command.UNFOLD: Spec(N_("Unfold or fold its steps"), ("Space",), about_line=True),
    Command.NEWEST: Spec(N_("Go to the newest lines"), ("N",)),
    Command.SEEN: Spec(N_("Mark everything as seen")),
    Command.STREAM: Spec(N_("Show the stream"), ("S",)),
    Command.BOARD: Spec(N_("Show the board"), ("B",)),
    Command.HAND_OVER: Spec(N_("Show the hand-over"), ("H",)),
    Command.WALL: Spec(N_("Fill the screen with the board"), ("F11",)),
    Command.DUTY: Spec(N_("Go on or off duty"), ("Ctrl+D",)),
    Command.INVITE: Spec(N_("Invite…")),
    Command.STATUS: Spec(N_("Status…")),
    Command.SETTINGS: Spec(N_("Settings…"), ("Ctrl+,",)),
    Command.TEAM: Spec(N_("Team…")),
    Command.PALETTE: Spec(N_("All commands…"), ("Ctrl+K",)),
    Command.KEYS: Spec(N_("Keys…"), ("?",)),
    Command.CLOSE: Spec(N_("Close the window"), (QKeySequence.StandardKey.Close,)),
    Command.QUIT: Spec(N_("Quit devstream"), (QKeySequence.StandardKey.Quit,)),
}


class Commands(QObject):
    """The actions of all commands; each does nothing until `bind`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actions = {command: _action(spec, self) for command, spec in SPECS.items()}

    def action(self, command: Command) -> QAction:
        """Return the action of a command."""
        return self._actions[command]

    def bind(self, command: Command, act: Callable[[], object]) -> None:
        """Have a command do something; `act` is called without arguments."""
        # `triggered` passes whether the action is checked.
        self._actions[command].triggered.connect(lambda _=False: act())

    def set_line(
        self, *, chosen: bool, linked: bool, open_: bool, waits: bool, folds: bool
    ) -> None:
        """Enable what can be done with the chosen line.

        `linked` is whether it has a link, `open_` whether somebody can be on it, `waits` whether
        it is a deploy that waits for a second person, `folds` whether it stands over its steps.
        """
        needs = {
            Command.OPEN_LINK: linked,
            Command.COPY_LINK: linked,
            Command.APPROVE: waits,
            Command.CLAIM: open_,
            Command.RELEASE: open_,
            Command.HAND: open_,
            Command.UNFOLD: folds,
        }
        for command, spec in SPECS.items():
            if spec.about_line:
                self._actions[command].setEnabled(chosen and needs.get(command, True))

    @property
    def usable(self) -> list[QAction]:
        """The actions that can be started now, in order."""
        return [action for action in self._actions.values() if action.isEnabled()]

    @property
    def about_line(self) -> list[QAction]:
        """The actions of a context menu."""
        return [self._actions[command] for command, spec in SPECS.items() if spec.about_line]


def keys_text(action: QAction) -> str:
    """Return the keys of an action as a person reads them: `Ctrl+F or /`."""
    shown = (keys.toString(QKeySequence.SequenceFormat.NativeText) for keys in action.shortcuts())
    said = ""
    for text in filter(None, shown):
        said = _("{keys} or {others}").format(keys=said, others=text) if said else text
    return said


def _action(spec: Spec, parent: QObject) -> QAction:
    action = QAction(_(spec.text), parent)
    shortcuts: list[QKeySequence] = []
    for keys in spec.keys:
        if isinstance(keys, str):
            shortcuts.append(QKeySequence(keys))
        else:
            # Only the first of a platform's variants, which is the one that people know.
            shortcuts += QKeySequence.keyBindings(keys)[:1]
    action.setShortcuts(shortcuts)
    return action
