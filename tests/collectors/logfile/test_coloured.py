"""K6: coloured logs are read as their words; no colour is ever seen in a line.

`coloured/` holds the same four messages by each logger. Written by the loggers themselves:
colorlog 6.12, structlog 26.1, loguru 0.7, rich 15 (with links), pino-pretty, winston. The others
are in the form of their loggers' own console output; rsyslog spells the escape character out, and
`lost-escape` is what stays where it was taken out before.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import logfile
from devstream_desktop.stream.line import render

LOGS = sorted((Path(__file__).parent / "coloured").glob("*.log"))
SOURCE = SourceInfo("app", service="shop", options={"path": "/var/log/shop/app.log"})
NOW = 1_800_000_000_000
REMNANT = re.compile(r"\x1b|\[[0-9;]*[mK](?![^][]*\])|\]8;|#033")


def read(lines: list[str], **options: str | tuple[str, ...]) -> list[str]:
    source = SourceInfo(SOURCE.name, service="shop", options={**SOURCE.options, **options})
    cursor = logfile.read((), b"", source, NOW).cursor
    events = logfile.read(tuple(lines), cursor, source, NOW).events
    assert all(event.severity.word == "error" for event in events if not options)
    return [event.title for event in events]


def test_there_are_logs_of_many_loggers() -> None:
    assert len(LOGS) >= 16


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_only_the_error_is_an_incident(log: Path) -> None:
    (title,) = read(log.read_text().split("\n"))
    assert "payment refused" in title
    assert not REMNANT.search(title)
    # The time is no part of what happened.
    assert not re.search(r"\d\d:\d\d", title)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_pattern_sees_the_words_alone(log: Path) -> None:
    lines = log.read_text().split("\n")
    assert read(lines, pattern=("payment (?P<message>refused)",)) == ["refused"]
    assert read(lines, ignore=("refused",)) == []
    assert len(read(lines, pattern=("(?i)worker (ready|stopped)",))) == 2


def test_the_case_of_the_table() -> None:
    cursor = logfile.read((), b"", SOURCE, NOW).cursor
    polled = logfile.read(("\x1b[31mERROR\x1b[0m payment refused",), cursor, SOURCE, NOW)
    (event,) = polled.events
    assert event.title == "payment refused"
    assert event.severity.word == "error"
    assert render(event).startswith("shop  ")
