"""Writing of an export into a file; it can be stopped."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.language import _
from devstream_desktop.stream.export import Form, write_lines
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line


class ExportError(DevstreamError):
    """The file is not written; the message says why."""


class _StoppedError(Exception):
    """The person wants it no more."""


@dataclass
class Export:
    """Every line of a search in one file, or no file."""

    history: Path
    query: Query
    file: Path
    form: Form
    written: int = 0
    """Lines so far; read by the screen while the thread counts."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End it soon, without a file."""
        self._stop.set()

    def run(self) -> bool:
        """Write the file; false where it was stopped.

        Raises:
            ExportError: the file cannot be written.
            HistoryError: the history cannot be read.

        """
        part: Path | None = None
        try:
            descriptor, name = tempfile.mkstemp(dir=self.file.parent, prefix=f".{self.file.name}.")
            part = Path(name)
            with (
                open(descriptor, "w", encoding="utf-8", newline="") as out,  # noqa: PTH123
                Reader(self.history) as reader,
            ):
                write_lines(self.form, self._counted(reader.every(self.query)), out)
            part.replace(self.file)
        except OSError as error:
            failed = _("{file} cannot be written: {reason}; choose another")
            failed = failed.format(file=self.file, reason=machine.reason(error))
            raise ExportError(failed) from error
        except _StoppedError:
            return False
        finally:
            if part is not None:
                part.unlink(missing_ok=True)
        return True

    def _counted(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            if self._stop.is_set():
                raise _StoppedError
            yield line
            self.written += 1
