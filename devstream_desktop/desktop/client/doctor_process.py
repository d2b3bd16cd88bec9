"""`devstream doctor`, run beside the desk: it opens keyrings and files, which takes seconds.

It speaks the desk's language, which an environment variable names; typed in a terminal, the same
command speaks English.
"""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from devstream_desktop import language
from devstream_desktop.control.check import Checks
from devstream_desktop.home import Home
from devstream_desktop.language import _
from devstream_desktop.program import program
from devstream_desktop.stream.text import clean


class DoctorProcess(QObject):
    """Runs the doctor, one at a time."""

    examined = Signal(object)
    """The `Checks` that it made."""
    failed = Signal(str)
    """The reason why there are none, as a sentence."""

    def __init__(
        self, home: Home, parent: QObject | None = None, *, command: list[str] | None = None
    ) -> None:
        super().__init__(parent)
        usual = [*program(), "--home", str(home.root), "doctor", "--json"]
        self._command = command if command is not None else usual
        self._process = QProcess(self)
        self._process.setStandardInputFile(QProcess.nullDevice())
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert(language.VARIABLE, language.spoken())
        self._process.setProcessEnvironment(environment)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._fail)

    def examine(self) -> None:
        """Begin, unless one is at it."""
        if self._process.state() is QProcess.ProcessState.NotRunning:
            self._process.start(self._command[0], self._command[1:])

    def close(self) -> None:
        """End it; nothing that it does needs an end."""
        self._process.blockSignals(True)
        self._process.kill()
        self._process.waitForFinished(500)

    def _ended(self) -> None:
        printed = bytes(self._process.readAllStandardOutput().data())
        said = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        try:
            self.examined.emit(msgspec.json.decode(printed, type=Checks))
        # What a wrapper of Python prints may be no JSON, or no text at all.
        except (ValueError, RecursionError):
            lines = said.strip().splitlines()
            failed = _("devstream doctor ended without an answer.")
            if lines:
                failed = _("devstream doctor ended without an answer. It reported: {line}.")
            self.failed.emit(failed.format(line=clean(lines[-1], 200) if lines else ""))

    def _fail(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            reason = clean(self._process.errorString(), 200)
            failed = _("devstream doctor cannot be started: {reason}.")
            self.failed.emit(failed.format(reason=reason))
