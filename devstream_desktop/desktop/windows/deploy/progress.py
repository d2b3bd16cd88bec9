"""A deploy after it was asked for: how it stands, for how long, what it prints, and its end."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QPalette, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.deploys import DeployLog, GetDeployLog, RequestAnswer
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.desktop.widgets.look import sentence, state_look
from devstream_desktop.desktop.widgets.marks import mark_pixmap
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint, plain_field
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.language import _
from devstream_desktop.stream.fact import is_answer
from devstream_desktop.stream.line import render
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean, duration
from devstream_desktop.stream.words import DEPLOY_FINAL, RED_STATES, Kind

_TICK_MS = 1_000
_MARK = 20
_LOG_MS = 700
_UNBOUNDED = 16_777_215
"""Qt's QWIDGETSIZE_MAX: the pane takes the room there is."""
_LINES = 5_000
"""Lines that the pane keeps; the executor keeps all."""


class Progress(QWidget):
    """The state of one request, followed by its lines."""

    asked = Signal(object)
    """A `Question` to send to the node."""
    hide_chosen = Signal()
    ended = Signal()

    def __init__(self, executor: str) -> None:
        """Make the page; `executor` is the device that deploys."""
        super().__init__()
        self._executor = executor
        self._key = ""
        self._cancel_key = ""
        """The key of the last request to end the run."""
        self._began = 0.0
        self._line: Line | None = None
        self._mark = PlainLabel()
        self.title = heading("")
        self.elapsed = PlainLabel()
        self.bar = QProgressBar()
        # Nobody knows how long it takes.
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(_("Deploying"))
        self.text = PlainLabel(wrap=True, selectable=True)
        self.log = plain_field("", name=_("What the deploy prints"), lines=8)
        self.log.setMaximumBlockCount(_LINES)
        self.log.setMaximumHeight(_UNBOUNDED)
        self.log.setPlaceholderText(_("What the deploy prints appears here."))
        self._read = 0
        """The end of its output, as far as it was read."""
        self._log_timer = QTimer(self, singleShot=True, interval=_LOG_MS)
        self._log_timer.timeout.connect(self._read_log)
        self.cancel = QPushButton(_("&Cancel run"))
        self.hide_button = QPushButton(_("&Hide"))
        for button in (self.cancel, self.hide_button):
            button.setAutoDefault(False)
        self.cancel.clicked.connect(self._cancel)
        self.hide_button.clicked.connect(self.hide_chosen)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._show_elapsed)
        self._lay_out()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self._mark)
        head.addWidget(self.title, 1)
        head.addWidget(self.elapsed)
        foot = QHBoxLayout()
        foot.addWidget(self.cancel)
        foot.addStretch(1)
        foot.addWidget(self.hide_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addWidget(self.text)
        column.addWidget(self.log, 1)
        column.addLayout(foot)

    @property
    def running(self) -> bool:
        """True until the deploy has ended."""
        return bool(self._key) and not self._is_over()

    def begin(self, key: str) -> None:
        """Follow the request with this key."""
        self._key = key
        self._line = None
        self._began = time.monotonic()
        self.title.setText(_("Asked; the executor has not answered yet"))
        self._tick.start()
        self._log_timer.start()
        self._show_elapsed()
        self.hide_button.setFocus()

    def follow(self, lines: list[Line]) -> None:
        """Show how it goes on; `lines` have just arrived."""
        # Deploys that other tools tell of have an empty request too.
        if not self._key:
            return
        for line in lines:
            event = line.event
            if event.kind is Kind.DEPLOY and self._key in (event.request, event.key):
                self._show(line)
        self._follow_cancel(lines)

    def show_log(self, log: DeployLog) -> None:
        """Add a part of the output; ask on until it is over."""
        self._read = log.next
        if log.text:
            bar = self.log.verticalScrollBar()
            at_end = bar.value() == bar.maximum()
            cursor = self.log.textCursor()
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(log.text)
            # Who scrolled up reads something there.
            if at_end:
                bar.setValue(bar.maximum())
        if not log.over:
            self._log_timer.start()

    def _is_over(self) -> bool:
        return self._line is not None and self._line.event.state in DEPLOY_FINAL

    def _show(self, line: Line) -> None:
        # Lines may come out of order, and an end is the end.
        if self._is_over():
            return
        self._line = line
        look, event = state_look(line), line.event
        palette = self.palette()
        paper = palette.color(QPalette.ColorRole.Window)
        self._mark.setPixmap(mark_pixmap(look.shape, colour(look.tone, palette), paper, size=_MARK))
        self.title.setText(sentence(look.word))
        tone = Tone.RED if (event.kind, event.state) in RED_STATES else Tone.MUTED
        self._say(render(event, line.transition, service=False), tone)
        if self._is_over():
            self._tick.stop()
            self.bar.setRange(0, 1)
            self.bar.setValue(1)
            self.cancel.setEnabled(False)
            self.hide_button.setText(_("&Close"))
            self.ended.emit()

    def _read_log(self) -> None:
        request = GetDeployLog(request=self._key, start=self._read)
        self.asked.emit(Question(request, self.show_log, lambda _: self._read_later(), self))

    def _read_later(self) -> None:
        # Before it starts there is no output, and an executor may be away.
        if self.running:
            self._log_timer.start()

    def _show_elapsed(self) -> None:
        seconds = int(time.monotonic() - self._began)
        self.elapsed.setText(duration(seconds * 1000) if seconds else "")

    def _cancel(self) -> None:
        # Until its answer is here a second press would ask for the same again.
        self.cancel.setEnabled(False)
        self._say(_("Asking the executor to end it…"), Tone.MUTED)

        def sent(done: Done) -> None:
            self._cancel_key = done.text

        request = RequestAnswer(action="cancel", about=self._key)
        self.asked.emit(Question(request, sent, self._goes_on, self))

    def _follow_cancel(self, lines: list[Line]) -> None:
        """Tell that the executor, and nobody else, refused to end the run."""
        key, executor = self._cancel_key, self._executor
        for line in lines:
            event = line.event
            answers = is_answer(event, line.device, request=key, executor=executor)
            if key and answers and event.state == "refused":
                self._goes_on(event.reason)

    def _goes_on(self, reason: str) -> None:
        if self.running:
            self.cancel.setEnabled(True)
            self._say(reason, Tone.RED)

    def _say(self, text: str, tone: Tone) -> None:
        self.text.setText(clean(text, 400))
        paint(self.text, tone)
