"""A thin strip that shows how far a catch-up is."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QProgressBar, QSizePolicy

from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.wording import catching_up
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.theme import Tone, colour, mix
from devstream_desktop.language import _

_HEIGHT = 3
_STEPS = 1000


class ProgressStrip(QProgressBar):
    """A progress bar of three pixels, with a description for screen readers.

    Its height stays reserved while it is hidden, so that nothing jumps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setRange(0, _STEPS)
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Catching up"))
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.hide()

    def show_status(self, status: Status | None) -> None:
        """Show the catch-up of `status`, or hide when there is none."""
        text = catching_up(status) if status is not None else ""
        if status is not None and text:
            # More may be missing than at first, when another peer with more has come.
            total = max(status.catch_up_total, status.missing)
            self.setValue((total - status.missing) * _STEPS // total)
            self.setAccessibleDescription(sentence(text))
        self.setVisible(bool(text))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw two plain bands.

        A style's own bar has frames and gradients that three pixels cannot hold.
        """
        painter = QPainter(self)
        done = colour(Tone.BLUE, self.palette())
        painter.fillRect(
            self.rect(), mix(done, self.palette().color(QPalette.ColorRole.Window), 0.18)
        )
        painter.fillRect(0, 0, self.width() * self.value() // self.maximum(), self.height(), done)
