"""The commands about the chosen line: bound, and enabled where they can be done."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

from devstream_desktop.desktop.commands import Command, Commands
from devstream_desktop.desktop.platform.web_links import safe_link
from devstream_desktop.desktop.windows.history.browser import Browser
from devstream_desktop.desktop.windows.history.pages import Page, Pages
from devstream_desktop.stream.subject import Line, can_be_approved, can_be_claimed


class LineCommands(QObject):
    """Binds these commands, and enables those that the line allows."""

    approve_chosen = Signal(object)
    """The line of a deploy that waits for a second person."""
    note_chosen = Signal(object, bool)
    """A line for a note; true to have somebody take over."""

    def __init__(self, commands: Commands, pages: Pages, browser: Browser) -> None:
        super().__init__(commands)
        self._commands = commands
        self._pages = pages
        self._browser = browser
        self._bind()
        browser.view.addActions(commands.about_line)
        browser.view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        browser.view.chosen.connect(self._follow)
        pages.selected.connect(self._follow)
        pages.turned.connect(self._follow)
        self._follow()

    def _bind(self) -> None:
        browser = self._browser
        does: dict[Command, Callable[[Line], object]] = {
            Command.APPROVE: self.approve_chosen.emit,
            Command.CLAIM: browser.claim,
            Command.RELEASE: browser.release,
            Command.NOTE: lambda line: self.note_chosen.emit(line, False),
            Command.HAND: lambda line: self.note_chosen.emit(line, True),
            Command.MUTE: browser.mute,
            Command.OPEN_LINK: browser.open_link,
            Command.COPY_LINE: browser.copy,
            Command.COPY_MARKDOWN: browser.copy_markdown,
            Command.COPY_LINK: browser.copy_link,
        }
        for command, act in does.items():
            self._commands.bind(command, self._about(act))
        self._commands.bind(Command.UNFOLD, browser.view.toggle)

    def _about(self, act: Callable[[Line], object]) -> Callable[[], None]:
        """Make a command of what is done with the chosen line."""

        def do() -> None:
            if (line := self._line) is not None:
                act(line)

        return do

    @property
    def _line(self) -> Line | None:
        """The chosen line of the page that is shown: nobody sees what another has chosen."""
        pages = self._pages
        if pages.page is Page.STREAM:
            return self._browser.view.current_line()
        return pages.hand_over.current_line if pages.page is Page.HAND_OVER else None

    def _follow(self) -> None:
        line = self._line
        self._commands.set_line(
            chosen=line is not None,
            linked=line is not None and safe_link(line.event.url) is not None,
            open_=line is not None and can_be_claimed(line.event),
            waits=line is not None and can_be_approved(line.event),
            folds=line is not None and self._pages.page is Page.STREAM,
        )
