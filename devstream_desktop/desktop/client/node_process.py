"""The desk's node: started when none answers, started again when it dies, ended with the desk that started it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from devstream_desktop.home import Home
from devstream_desktop.stream.text import clean

_BACK_OFF_MS = (500, 1_000, 2_000, 4_000, 5_000)
_SETTLED_S = 10.0
"""A node that lived this long was well, so the next start is not held back."""
_GRACE_MS = 400
"""Time for a node that is there already to answer."""
_END_MS = 1_400
_LAST_WORDS = 2_000


def node_command(home: Home) -> list[str]:
    """What starts the node of `home`."""
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "devstream_desktop"]
    return [*program, "--home", str(home.root), "node"]


class NodeProcess(QObject):
    """Keeps a node running for as long as the desk does."""

    trouble = Signal(str)
    """The node ended by itself; the sentence says what it said last."""

    def __init__(self, home: Home, *, command: Sequence[str] | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._command = list(command) if command is not None else node_command(home)
        self._socket = Path(home.control_url().removeprefix("ipc://"))
        self._home = home
        self._answers = False
        self._ending = False
        self._failures = 0
        self._began = 0.0
        self._said = b""
        self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("DEVSTREAM_HOME", str(home.root))
        self._process.setProcessEnvironment(environment)
        self._process.setStandardInputFile(QProcess.nullDevice())
        self._process.setStandardOutputFile(QProcess.nullDevice())
        self._process.readyReadStandardError.connect(self._listen)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._failed)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._start)

    @property
    def ours(self) -> bool:
        """Whether the desk started the node that runs."""
        return self._process.state() is not QProcess.ProcessState.NotRunning

    def begin(self) -> None:
        """Start a node, unless one answers within a moment."""
        self._timer.start(_GRACE_MS if self._socket.exists() else 0)

    def set_answers(self, answers: bool) -> None:
        """Told by the link whether a node answers."""
        self._answers = answers
        if answers:
            self._timer.stop()
        elif not self._ending and not self.ours and not self._timer.isActive():
            self._timer.start(_BACK_OFF_MS[0])

    def end(self) -> None:
        """End the node if it is ours, waiting for it a moment; then by force."""
        self._ending = True
        self._timer.stop()
        if not self.ours:
            return
        self._process.terminate()
        if not self._process.waitForFinished(_END_MS):
            self._process.kill()
            self._process.waitForFinished(500)

    def _start(self) -> None:
        if self._ending or self._answers or self.ours:
            return
        self._began = time.monotonic()
        self._said = b""
        self._process.start(self._command[0], self._command[1:])

    def _listen(self) -> None:
        self._said = (self._said + bytes(self._process.readAllStandardError().data()))[-_LAST_WORDS:]

    def _ended(self) -> None:
        if self._ending:
            return
        self._listen()
        if time.monotonic() - self._began > _SETTLED_S:
            self._failures = 0
        wait = _BACK_OFF_MS[min(self._failures, len(_BACK_OFF_MS) - 1)]
        self._failures += 1
        lines = [line for line in self._said.decode("utf-8", "replace").splitlines() if line.strip()]
        said = f" Its last words: {clean(lines[-1], 200)}" if lines else ""
        self.trouble.emit(f"The node ended and is started again.{said}")
        self._timer.start(wait)

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart and not self._ending:
            self.trouble.emit(f"The node cannot be started: {clean(self._process.errorString(), 200)}. Install devstream again.")
            self._timer.start(_BACK_OFF_MS[-1])
