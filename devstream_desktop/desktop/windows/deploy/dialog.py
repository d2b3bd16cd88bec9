"""The dialog that requests a deploy: what ships, where, and who sees it; then how it goes on.

Enter and Esc press Cancel. Where the target asks for it, the name of the environment has to be
typed.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QStackedLayout, QWidget

from devstream_desktop.control.messages.deploys import TargetStatus
from devstream_desktop.control.messages.status import Status
from devstream_desktop.desktop.widgets.dialog import Dialog, column
from devstream_desktop.desktop.widgets.text import PlainLabel, elided_heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.deploy import actions
from devstream_desktop.desktop.windows.deploy.progress import Progress
from devstream_desktop.desktop.windows.deploy.request_page import RequestPage
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean


class DeployDialog(Dialog):
    """One deploy, from its plan to its end."""

    sent = Signal(str)
    """The key of the request."""
    hidden = Signal()
    """It goes on out of sight."""

    def __init__(
        self,
        place: TargetStatus,
        status: Status | None,
        parent: QWidget | None = None,
        *,
        action: str = "",
    ) -> None:
        """Make the dialog; `action` is empty for a deploy, `rollback`, or `PROMOTE`."""
        name = actions.name(place, action)
        super().__init__(name, parent)
        self._name = name
        self.setMinimumSize(620, 520)
        self.request = RequestPage(place, status, action)
        self.progress = Progress(place.executor)
        self._pages = QStackedLayout()
        self._lay_out(place)
        self._connect()
        self.request.cancel.setFocus()

    def _lay_out(self, place: TargetStatus) -> None:
        layout = column(self)
        layout.addWidget(elided_heading(clean(self._name)))
        if place.description:
            described = PlainLabel(clean(place.description), wrap=True)
            paint(described, Tone.MUTED)
            layout.addWidget(described)
        layout.addLayout(self._pages, 1)
        self._pages.addWidget(self.request)
        self._pages.addWidget(self.progress)

    def _connect(self) -> None:
        self.request.asked.connect(self.asked)
        self.request.cancel.clicked.connect(self.reject)
        self.request.sent.connect(self._go_on)
        self.progress.asked.connect(self.asked)
        self.progress.hide_chosen.connect(self.close)
        self.progress.ended.connect(self._ended)

    def begin(self) -> None:
        """Ask for the plan of what is typed."""
        self.request.begin()

    def follow(self, lines: list[Line]) -> None:
        """Show how the deploy goes on; `lines` have just arrived."""
        self.progress.follow(lines)

    @property
    def running(self) -> bool:
        """True from the request until the deploy has ended."""
        return self.progress.running

    @property
    def name(self) -> str:
        """Its title."""
        return self._name

    def closeEvent(self, event: QCloseEvent) -> None:
        """Go on out of sight while the deploy runs; else closing means Cancel."""
        if self.running:
            event.ignore()
            self.hide()
            self.hidden.emit()
            return
        self.reject()
        super().closeEvent(event)

    def reject(self) -> None:
        """Cancel the dialog; what was asked for goes on."""
        if self.running:
            self.hide()
            self.hidden.emit()
        else:
            super().reject()

    def _ended(self) -> None:
        # Out of sight nobody could close it any more; a popup tells the end.
        if not self.isVisible():
            self.reject()

    def _go_on(self, key: str) -> None:
        self.progress.begin(key)
        self._pages.setCurrentWidget(self.progress)
        self.sent.emit(key)
