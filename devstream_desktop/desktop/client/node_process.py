"""The node's process: started when none answers, restarted when it dies, ended with the app."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from devstream_desktop.home import Home
from devstream_desktop.language import _
from devstream_desktop.program import node_command
from devstream_desktop.stream.text import clean

_BACK_OFF_MS = (500, 1_000, 2_000, 4_000, 5_000)
_SETTLED_S = 10.0
"""A node that lived this long was healthy: restart it at once."""
_GRACE_MS = 400
"""Time for a node that runs already to answer."""
_END_MS = 1_400
_MAX_OUTPUT = 2_000
"""Bytes of standard error that are kept."""


class NodeProcess(QObject):
    """Keep a node running for as long as the app does."""

    trouble = Signal(str)
    """The node ended by itself; the sentence quotes its last line of output."""

    def __init__(
        self, home: Home, *, command: Sequence[str] | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._command = list(command) if command is not None else node_command(home.root)
        self._socket = Path(home.control_url().removeprefix("ipc://"))
        self._answers = False
        self._ending = False
        self._failures = 0
        self._began = 0.0
        self._output = b""
        self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        # Also for the programs that the node starts.
        environment.insert("DEVSTREAM_HOME", str(home.root))
        self._process.setProcessEnvironment(environment)
        self._process.setStandardInputFile(QProcess.nullDevice())
        self._process.setStandardOutputFile(QProcess.nullDevice())
        self._process.readyReadStandardError.connect(self._read_output)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._failed)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._start)

    @property
    def ours(self) -> bool:
        """True while a node that this object started runs."""
        return self._process.state() is not QProcess.ProcessState.NotRunning

    def begin(self) -> None:
        """Start a node, unless one answers within a moment."""
        # Without its socket no node can run here, so there is nothing to wait for.
        self._timer.start(_GRACE_MS if self._socket.exists() else 0)

    def set_answers(self, answers: bool) -> None:
        """Note that a node answers, or no longer does."""
        self._answers = answers
        if answers:
            self._timer.stop()
        # A node of somebody else has ended. Ours is restarted by `_ended`.
        elif not self._ending and not self.ours and not self._timer.isActive():
            self._timer.start(_BACK_OFF_MS[0])

    def reload(self) -> bool:
        """Have the node read its files again; false where it is not ours."""
        if not self.ours or sys.platform == "win32":
            return False
        os.kill(self._process.processId(), signal.SIGHUP)
        return True

    def end(self) -> None:
        """End the node if it is ours: by a signal, then by force."""
        self._ending = True
        self._timer.stop()
        if not self.ours:
            return
        # SIGTERM lets the node finish what it stores and close its history.
        self._process.terminate()
        if not self._process.waitForFinished(_END_MS):
            self._process.kill()
            self._process.waitForFinished(500)

    def _start(self) -> None:
        if self._ending or self._answers or self.ours:
            return
        self._began = time.monotonic()
        self._output = b""
        self._process.start(self._command[0], self._command[1:])

    def _read_output(self) -> None:
        more = bytes(self._process.readAllStandardError().data())
        self._output = (self._output + more)[-_MAX_OUTPUT:]

    def _ended(self) -> None:
        if self._ending:
            return
        self._read_output()
        # A crash after hours is one crash; a crash at each start must not become a busy loop.
        if time.monotonic() - self._began > _SETTLED_S:
            self._failures = 0
        wait = _BACK_OFF_MS[min(self._failures, len(_BACK_OFF_MS) - 1)]
        self._failures += 1
        output = self._output.decode("utf-8", "replace").splitlines()
        lines = [line for line in output if line.strip()]
        trouble = _("The node stopped and is started again.")
        if lines:
            trouble = _("The node stopped and is started again. It reported: {line}")
        self.trouble.emit(trouble.format(line=clean(lines[-1], 200) if lines else ""))
        self._timer.start(wait)

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart and not self._ending:
            reason = clean(self._process.errorString(), 200)
            trouble = _("The node cannot be started: {reason}. Install devstream again.")
            self.trouble.emit(trouble.format(reason=reason))
            self._timer.start(_BACK_OFF_MS[-1])
