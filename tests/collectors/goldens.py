"""The expected events beside the samples: `NAME.golden` for each `NAME.json`.

    python tests/collectors/goldens.py

writes them anew from what the collectors make now. Read the difference (`git diff`) before it is
kept: a changed `key` makes the same fact a second line on every desk.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from collecting import HERE, RECEIVED, headers_of

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_desktop.intake.registry import webhook_collector
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.line import render


def samples() -> list[Path]:
    """Every sample of every type."""
    return sorted(HERE.glob("*/samples/*.json"))


def outcome(sample: Path) -> Normalised:
    """The outcome of a sample, for a source that has its type's name."""
    kind = sample.parent.parent.name
    delivery = Delivery(headers_of(kind, sample.stem), sample.read_bytes(), RECEIVED)
    return webhook_collector(kind).normalise(delivery, SourceInfo(kind))


def golden(sample: Path) -> str:
    """The text beside a sample: its line, and the event field by field; or why there is none."""
    made = outcome(sample)
    if made.dropped:
        return f"dropped  {made.dropped}\n"
    return "\n".join(map(_written, made.events))


def write() -> list[Path]:
    """Bring the files up to date; return those that were not."""
    wanted = {sample.with_suffix(".golden"): golden(sample) for sample in samples()}
    stale = [path for path in HERE.glob("*/samples/*.golden") if path not in wanted]
    for path in stale:
        path.unlink()
    changed = [
        path for path, text in wanted.items() if not path.exists() or path.read_text() != text
    ]
    for path in changed:
        path.write_text(wanted[path])
    return [*stale, *changed]


def _written(event: Event) -> str:
    fields = {name: value for name, value in msgspec.structs.asdict(event).items() if value}
    fields["time"] = datetime.fromtimestamp(event.time / 1000, UTC).isoformat()
    fields["severity"] = event.severity.word
    lines = [f"{name:12} {value}" for name, value in {"line": render(event), **fields}.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for path in write():
        print(path)  # noqa: T201 - what to read again
    sys.exit(0)
