"""Standard output and error that may be closed or full: a sentence, and never a traceback."""

from __future__ import annotations

import io
import os
import sys

from devstream_desktop.errors import DevstreamError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer


class OutputError(DevstreamError):
    """Standard output that takes nothing."""


class _Output(io.FileIO):
    """Standard output whose failure is a sentence."""

    def write(self, b: Buffer, /) -> int:
        """Write, or say why not. A reader that went away (`| head`) is no failure."""
        try:
            return super().write(b)
        except BrokenPipeError:
            raise
        except OSError as error:
            from devstream_desktop import machine

            reason = machine.reason(error)
            raise OutputError(
                f"standard output takes nothing ({reason}), so something was not shown; what the"
                " command changed is changed"
            ) from error


class _Error(io.FileIO):
    """Standard error whose failure nobody could be told of."""

    def write(self, b: Buffer, /) -> int:
        """Write, or do without."""
        try:
            return super().write(b)
        except OSError:
            # Where nobody can read it any more, the work goes on.
            return len(bytes(b))


_shown = True
"""False where standard output was closed when the command began."""


def prepare() -> None:
    """Make the standard streams fit to print on.

    Only those of the process: a test's are left alone.
    """
    global _shown  # noqa: PLW0603 - a process has one standard output
    _shown = sys.stdout is not None
    _fill_closed()
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Output(1, "w", closefd=False), "replace")
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Error(2, "w", closefd=False), "backslashreplace", each_line=True)


def give_up_output() -> None:
    """Discard what is still buffered, so that the exit does not fail."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, and no path of ours
        os.dup2(nowhere.fileno(), 1)


def print_once(text: str) -> None:
    """Print what cannot be shown again; where output takes nothing, on standard error.

    Raises:
        OutputError: it went to standard error; the exit code says so.

    """
    why = "" if _shown else "standard output is closed"
    try:
        print(text, flush=True)
    except OutputError as error:
        why = str(error)
    except BrokenPipeError:
        why = "nobody reads standard output any more"
    if why:
        give_up_output()
        print(text, file=sys.stderr)
        raise OutputError(f"{why}; it is shown here instead, once")


def _fill_closed() -> None:
    # Else the next file that is opened, such as a database, would be standard output.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _text(raw: io.FileIO, errors: str, *, each_line: bool = False) -> io.TextIOWrapper:
    was = sys.__stdout__ or sys.__stderr__
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=was.encoding if was is not None else "utf-8",
        errors=errors,
        line_buffering=each_line or raw.isatty(),
    )
