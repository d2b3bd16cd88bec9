"""The output of a run, as it leaves the executor: in parts, plain, and without secrets."""

from __future__ import annotations

import os
import re
from codecs import getincrementaldecoder
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstream_desktop.control.messages.deploys import DeployLog, GetDeployLog
from devstream_desktop.deploy.knowledge import Rights
from devstream_desktop.deploy.masking import MASK, masked_from
from devstream_desktop.deploy.run import Run
from devstream_desktop.deploy.runlog import CUT
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.deploy.targets import Targets
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.text import flat
from devstream_desktop.stream.words import Role

_RUNNING = ("dispatching", "in_progress")
_NOT_RUN = ("refused", "waiting", "queued", "locked", "unlocked", "requested", "inactive")
_READERS = (Role.DEPLOYER, Role.APPROVER, Role.ADMIN)
PART_BYTES = 64 * 1024
"""The most bytes of output in one part."""
_LINE = 2000
"""Characters of a line."""
_BEFORE = 24 * 1024
"""Bytes read before a part, for its line or a private key."""
_END = "-----END "
_LINES = re.compile(r"[^\n]*\n|[^\n]+\Z")
"""Only a line feed ends one: a carriage return alone writes over it."""
_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")


class OutputError(DevstreamError):
    """The output of a deploy cannot be given; the message says why."""


class Outputs:
    """The output of this executor's runs, for whoever may read it.

    Args:
        runs: The record of runs.
        logs: The folder of output.
        rights: The policy of the moment.
        targets: The targets of the moment.
        silent_ms: Milliseconds since a run's last sign of life, by its request.

    """

    def __init__(
        self,
        runs: Runs,
        logs: Path,
        rights: Rights,
        targets: Callable[[], Targets],
        silent_ms: Callable[[str], int],
    ) -> None:
        self._runs = runs
        self._logs = logs
        self._rights = rights
        self._targets = targets
        self._silent_ms = silent_ms

    def part(self, asked: GetDeployLog, device: str) -> DeployLog:
        """Return a part of a run's output. Blocks.

        Raises:
            OutputError: there is none, or it is not for this device.
            RunsError: deploy.sqlite cannot be used.

        """
        run = self._runs.of(asked.request)
        self._check(run, self._rights.person_of(device))
        if run is None or run.state in _NOT_RUN:
            raise OutputError("it has not run, so it printed nothing")
        # Looked at before the output: what is written later belongs to the next part.
        over = run.state not in _RUNNING
        try:
            part = read_part(self._logs / f"{run.request}.log", asked.start, over=over)
        except FileNotFoundError:
            if over and run.state != "error":
                raise OutputError("what it printed is not kept any more") from None
            part = Part("", asked.start, over)
        except OSError as error:
            raise OutputError(f"what it printed cannot be read: {error.strerror}") from None
        return DeployLog(
            request=run.request,
            text=part.text,
            next=part.next,
            over=part.is_last,
            state=run.state,
            silent_ms=self._silent_ms(run.request),
        )

    def _check(self, run: Run | None, person: str) -> None:
        """Refuse whoever may not read it.

        Raises:
            OutputError: it says who may.

        """
        if not person:
            raise OutputError("only a person of the team may read what a deploy printed")
        if run is None or person == run.person:
            return
        place = (run.target, run.environment)
        target = self._targets().get(place)
        # A target that is gone cannot say that everybody may.
        if target is not None and target.output == "team":
            return
        if not any(self._rights.may(person, role, *place) for role in _READERS):
            raise OutputError(
                f"what a deploy of {run.target} to {run.environment} prints is for those who may "
                "deploy it or approve it"
            )


@dataclass(frozen=True)
class Part:
    """A part of a run's output; `next` is where the one after it begins, in bytes ever printed."""

    text: str
    next: int
    is_last: bool


def read_part(path: Path, start: int, *, over: bool) -> Part:
    """Read whole lines of a log from `start` on; the rest as it is once the run is `over`.

    Raises:
        OSError: there is no such log, or it cannot be read.

    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        cut, head = _cut(file.read(100))
        # A place that was cut away begins where there is something again.
        missed = start < cut
        at = min(max(head, start - cut + head), size)
        file.seek(max(head, at - _BEFORE))
        before = file.read(max(0, at - file.tell()))
        content = file.read(PART_BYTES)
    end = at + len(content)
    whole = over and end >= size
    if not whole:
        # Half a line may hold half a secret. One that is longer than a part is cut all the same.
        lines = content.rfind(b"\n") + 1
        content = content[: lines or (len(content) if len(content) == PART_BYTES else 0)]
    text = _plain(before, content)
    if missed:
        text = f"[{cut} earlier bytes were cut]\n{text}"
    return Part(text, max(start, at + len(content) - head + cut), whole)


def _cut(first: bytes) -> tuple[int, int]:
    """Return the bytes cut, and the length of the line saying so."""
    found = CUT.match(first.decode("utf-8", "replace"))
    return (int(found[1]), len(found[0])) if found else (0, 0)


def _plain(before: bytes, content: bytes) -> str:
    """Return the plain text of `content`, printed after `before`."""
    # A part may begin anywhere in a line, and the rest of a secret does not look like one.
    line = before.rfind(b"\n") + 1
    earlier, begun = before[:line].decode("utf-8", "replace"), before[line:]
    # Of a character that is cut in two, the whole belongs to this part.
    at = len(getincrementaldecoder("utf-8")("replace").decode(begun))
    text = (begun + content).decode("utf-8", "replace")
    keys = list(_KEY.finditer(earlier))
    if keys and _END not in earlier[keys[-1].end() :]:
        # It goes on as a block, whose first line was in an earlier part.
        first = f"{keys[-1][0]}\n"
        rest = masked_from(first + text, len(first) + at)
        # The mask of a block stands in a line of its own, below that first line.
        return plain_lines(rest[1:] if rest.startswith(f"\n{MASK}\n") else rest)
    return plain_lines(masked_from(text, at))


def plain_lines(text: str) -> str:
    """Return a text's lines without anything that moves a cursor or paints."""
    return "".join(_line(line) for line in _LINES.findall(text))


def _line(line: str) -> str:
    end = "\n" if line.endswith("\n") else ""
    # A progress bar writes over its line: the last state of it counts.
    shown = line.rstrip("\r\n").rpartition("\r")[2]
    return flat(shown, _LINE) + end
