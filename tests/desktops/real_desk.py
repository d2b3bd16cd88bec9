"""A team of two, and the real desk of one of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import psutil
from desktop_bus import DesktopBus
from desktop_session import Session
from panel_services import Note
from real_member import Member

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.base import Reply, Request


class Team(NamedTuple):
    """ana, whose desk is on the desktop, and bo, at whose node things happen."""

    ana: Member
    bo: Member

    def tell(self, *requests: Request[Reply]) -> None:
        """Ask bo's node for all of this."""
        with Client(self.bo.home.control_url()) as client:
            for request in requests:
                client.ask(request)


class Desk:
    """One run of a member's desk, with what the desktop and its bus tell of it."""

    def __init__(self, session: Session, bus: DesktopBus, member: Member, log: Path) -> None:
        self.session, self.bus, self.member = session, bus, member
        self._log = log
        self._process = self._begin()
        self._before = len(bus.notes)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def notes(self) -> list[Note]:
        """The popups of this desk."""
        return list(self.bus.notes[self._before :])

    def again(self) -> int:
        """Start it a second time; return how that start ended."""
        return self._begin().wait(20)

    def shows(self, title: str) -> bool:
        return any(one.startswith(title) for one in self.session.windows())

    def wait_window(self, title: str) -> None:
        self.bus.wait(lambda: self.shows(title), f"no window {title!r} on the screen", 20)

    def wait_note(self, words: str, timeout: float = 20) -> Note:
        """The popup that has these words."""

        def find() -> Note | None:
            return next((n for n in self.notes if words in f"{n.summary} {n.body}"), None)

        note = self.bus.wait(find, f"no popup tells {words!r}", timeout)
        assert note is not None
        return note

    def choose(self, note: Note, action: str) -> None:
        """Choose an action of a popup: as the server lets one, else as its signal tells it."""
        label = note.actions[note.actions.index(action) + 1]
        if not self.session.choose(note.id, action, label):
            self.bus.invoke(note, action)  # type: ignore[attr-defined]

    def wait_end(self) -> int:
        return self._process.wait(20)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def processes(self) -> list[psutil.Process]:
        """Its own process and those that it started."""
        own = psutil.Process(self.pid)
        return [own, *own.children(recursive=True)]

    def _begin(self) -> subprocess.Popen[bytes]:
        who = self.member
        environment = who.environment | self.session.for_programs
        with self._log.open("ab") as log:
            return subprocess.Popen(who.command, env=environment, stderr=log, cwd=who.folder)
