"""A start of the app: first its icon, then everything else.

The icon needs a third of what the app loads, and what it loads here should stay so little.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, SignalInstance
from PySide6.QtWidgets import QApplication

from devstream_desktop import __version__
from devstream_desktop.desk.language_choice import chosen_language
from devstream_desktop.desktop.platform.display import check_display
from devstream_desktop.desktop.platform.garbage import GarbageCollector
from devstream_desktop.desktop.platform.instance import Instance
from devstream_desktop.desktop.platform.language import speak
from devstream_desktop.desktop.platform.signals import Signals, leave
from devstream_desktop.desktop.tray.menu import TrayMenu
from devstream_desktop.desktop.tray.tray import Tray
from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.home import Home
from devstream_desktop.structs import load_msgspec

if TYPE_CHECKING:
    from devstream_desktop.desktop.app import App

_SHOWN_MS = 30
"""Milliseconds for a panel to ask for the icon; then the rest is loaded."""


def run(home: Home, *, start_node: bool = True, node_command: Sequence[str] | None = None) -> int:
    """Run the app of `home` until it ends; return the exit code.

    Args:
        home: the folder of the node.
        start_node: false to wait for a node that somebody else starts.
        node_command: starts the node, instead of the usual command.

    Raises:
        DesktopUnavailableError: no display, or a library that Qt needs is missing.
        HomeError: the home cannot be used.

    """
    check_display()
    home.create()
    application = QApplication([sys.argv[0]])
    application.setApplicationName("devstream")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("devstream")
    speak(chosen_language(home.preferences))
    # Closed windows leave the tray, which is most of the app.
    application.setQuitOnLastWindowClosed(False)
    # Before the first connection: two apps would start two nodes.
    instance = Instance(home.meeting_place())
    if not instance.claim():
        return 0 if instance.raise_first() else _report_stuck()
    # Before the first thread of ours.
    garbage = GarbageCollector(application)
    start = Start(home, start_node=start_node, node_command=node_command)
    instance.raised.connect(start.menu.history_chosen)
    signals = Signals(leave)
    QTimer.singleShot(_SHOWN_MS, start, start.load)
    code = application.exec()
    signals.close()
    start.end()
    instance.close()
    garbage.close()
    return code


def _report_stuck() -> int:
    sys.stderr.write(
        "devstream: it runs already for this home but does not answer; end it and start it again\n"
    )
    return 1


class Start(QObject):
    """The icon, and once it is loaded the app behind it."""

    def __init__(
        self, home: Home, *, start_node: bool = True, node_command: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self._home = home
        self._start_node = start_node
        self._node_command = node_command
        self.menu = menu = TrayMenu()
        menu.quit_chosen.connect(leave)
        self.tray = Tray(menu, self)
        self.app: App | None = None
        self._early: list[tuple[SignalInstance, tuple[object, ...]]] = []
        """Everything that the person asked for before there was an app."""
        self._failed: BaseException | None = None
        for chosen in (menu.history_chosen, menu.team_chosen, menu.status_chosen):
            self._keep(chosen)
        for chosen in (menu.settings_chosen, menu.snooze_chosen, self.tray.clicked):
            self._keep(chosen)

    def load(self) -> None:
        """Make the app, begin, and do what was asked for meanwhile."""
        try:
            load_msgspec()
            from devstream_desktop.desktop.app import App

            QApplication.setWindowIcon(icon(Mark.APP))
            self.app = App(
                self._home,
                self.menu,
                self.tray,
                start_node=self._start_node,
                node_command=self._node_command,
            )
            self.app.begin()
        except BaseException as error:  # noqa: BLE001 - raised by `end`
            # An icon without an app behind it helps nobody.
            self._failed = error
            QApplication.exit(1)
            return
        for signal, given in self._early:
            signal.emit(*given)

    def end(self) -> None:
        """Leave the screen, and end the app."""
        if self._failed is not None:
            raise self._failed
        if self.app is not None:
            self.app.end()
        self.tray.close()

    def _keep(self, signal: SignalInstance) -> None:
        """Note what is asked for until there is an app."""

        def note(*given: object) -> None:
            if self.app is None:
                self._early.append((signal, given))

        signal.connect(note)
