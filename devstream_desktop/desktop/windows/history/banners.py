"""The banners above the rows: a locked keyring, and the first steps of a team of one."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone, tint
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean

_ICON = 22


class _Banner(QFrame):
    """A tinted row of the window's width, hidden at first."""

    def __init__(self, tone: Tone) -> None:
        super().__init__()
        self._tone = tone
        self.setAutoFillBackground(True)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(12, 7, 12, 7)
        self._paint_frame()
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        """Mix the tint again from a new palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self._paint_frame()

    def _paint_frame(self) -> None:
        palette = QPalette(QGuiApplication.palette())
        palette.setColor(QPalette.ColorRole.Window, tint(self._tone, palette))
        self.setPalette(palette)


class LockedBanner(_Banner):
    """The reason why the node is locked, and an unlock button."""

    unlock_chosen = Signal()

    def __init__(self) -> None:
        super().__init__(Tone.AMBER)
        picture = PlainLabel()
        picture.setPixmap(icon(Mark.LOCKED).pixmap(_ICON, _ICON))
        self.text = PlainLabel(wrap=True)
        self.unlock = QPushButton(_("&Unlock…"))
        self.unlock.setAutoDefault(False)
        self.unlock.clicked.connect(self.unlock_chosen)
        self.row.setSpacing(10)
        self.row.addWidget(picture)
        self.row.addWidget(self.text, 1)
        self.row.addWidget(self.unlock)

    def show_locked(self, locked: str) -> None:
        """Show why the node is locked; hide for an empty reason."""
        reason = clean(locked, 300)
        text = ""
        if locked:
            said = _("Locked: {reason}. The history can be read; nothing new arrives.")
            text = said.format(reason=reason)
        # A screen reader reads a new name aloud, so it is set only when it changes.
        if text != self.text.text():
            self.text.setText(text)
            self.setAccessibleName(text)
        self.setVisible(bool(locked))


class WelcomeBanner(_Banner):
    """The first steps of a team of one, until dismissed."""

    invite_chosen = Signal()
    join_chosen = Signal()

    def __init__(self) -> None:
        super().__init__(Tone.BLUE)
        self._dismissed = False
        text = _("You are a team of one. Invite your colleagues, or join their team.")
        self.row.addWidget(PlainLabel(text, wrap=True), 1)
        invite, join = QPushButton(_("Invite…")), QPushButton(_("Join a team…"))
        self.later = QPushButton(_("Later"))
        self.later.setFlat(True)
        for button in (invite, join, self.later):
            button.setAutoDefault(False)
            self.row.addWidget(button)
        invite.clicked.connect(self.invite_chosen)
        join.clicked.connect(self.join_chosen)
        self.later.clicked.connect(self._dismiss)

    def show_wanted(self, wanted: bool) -> None:
        """Show or hide; once dismissed it stays hidden."""
        self.setVisible(wanted and not self._dismissed)

    def _dismiss(self) -> None:
        self._dismissed = True
        self.hide()
