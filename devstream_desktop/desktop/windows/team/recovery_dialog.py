"""The dialog that makes a recovery key."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.policy import MakeRecoveryKey
from devstream_desktop.desktop.widgets.dialog import say
from devstream_desktop.desktop.widgets.text import plain_field
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.team.dialog import TeamDialog
from devstream_desktop.language import _


class RecoveryKeyDialog(TeamDialog):
    """Makes a recovery key, for a team that has lost every admin; it is shown once."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_("A recovery key"), QPushButton(_("&Make a key")), parent)
        self.key = plain_field("", name=_("The recovery key"), lines=3)
        self.key.hide()
        self.copy = QPushButton(_("&Copy"))
        self.copy.hide()
        self.copy.clicked.connect(
            lambda: QGuiApplication.clipboard().setText(self.key.toPlainText())
        )
        self.body.insertWidget(2, self.key)
        self.body.insertWidget(3, self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        say(
            self.message,
            _(
                "Anybody with this key can make a device an admin: print it and lock it away. "
                "It is shown once, and replaces the key before."
            ),
            Tone.PLAIN,
        )

    def request(self) -> MakeRecoveryKey:
        """Return the request for a new key."""
        return MakeRecoveryKey()

    def finish(self, done: Done) -> None:
        """Show the key; the dialog stays open."""
        # Not to the clipboard by itself: other programs read it.
        self.key.setPlainText(done.text)
        self.key.show()
        self.copy.show()
        self.go.hide()
        self.cancel.setText(_("Close"))
        self.signed.emit(_("The team has a new recovery key."))
        say(
            self.message,
            _("Write it down or print it before you close this window: it is stored nowhere else."),
            Tone.AMBER,
        )
