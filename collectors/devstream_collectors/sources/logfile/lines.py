"""Lines of logs: their message and severity, in the forms that logs are written in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import TypeGuard

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.alert import severity
from devstream_collectors.kit.decoding import Loose, first
from devstream_collectors.kit.patterns import Pattern
from devstream_desktop.stream.text import without_escapes
from devstream_desktop.stream.words import Severity

MAX_LINE = 4096
"""Characters of a line that are looked at."""
_WORDS = (
    "emerg(?:ency)?|alert|crit(?:ical)?|fatal?|panic?|err(?:or?)?|severe|wa?rn(?:ing)?|notice|"
    "info?|debu?g|tra?ce"
)
# In capitals anywhere; in small letters only where a word cannot be part of a sentence.
_LEVEL = re.compile(
    rf"\b({_WORDS.upper()})\b"
    rf"|(?i:\b(?:level|severity|lvl)\b[\"']?\s?[=:]\s?[\"']?({_WORDS}|\d\d)\b)"
    rf"|(?i:[\[<(]({_WORDS})\s*[\]>)])"
    rf"|(?i:^({_WORDS}|[^\s:]+:\s?(?:{_WORDS})):)"
)
_STAMP = re.compile(
    r"^\W{0,2}(?=\d\d?:\d\d|\d\d|[A-Z][a-z]{2} +\d)"
    r"(?:\d{4}[-/]\d\d[-/]\d\d[T ]?|\d\d/\d\d/\d\d(?:\d\d)? |[A-Z][a-z]{2} +\d{1,2} )?"
    r"(?:\d\d:\d\d:\d\d(?:[.,]\d+)?|\d?\d:\d\d[AP]M\b)?"
    r"(?: ?(?:Z\b|UTC\b|[+-]\d\d:?\d\d\b))?\W{0,2}\s*"
)
_LEVEL_FIRST = re.compile(
    # A process number behind it, as pino writes it, is no part of what happened.
    rf"^[\[<(]?\s*(?:{_WORDS})\b\s*(?:\(\d+\):|[\]>):]|\[\d+\])*[\s:|-]*",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"""(["'`])(?:(?!\1).){0,200}\1""")
_HASH = re.compile(r"\b(?:0x)?[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_LEAST = {severity.word: severity for severity in Severity}
_WORST = {"emerg", "emergency", "alert", "panic", "pani", "fata"}
_SHORT = {"erro": "error", "wrn": "warning"}
"""As loggers of four or three letters write them."""


@dataclass(frozen=True)
class Patterns:
    """The lines that count."""

    wanted: tuple[Pattern, ...]
    ignored: tuple[Pattern, ...]
    least: Severity


@dataclass(frozen=True)
class Text:
    """The words of a line that counts."""

    message: str
    severity: str
    """A word of the stream's; empty: it says none."""
    service: str = ""
    environment: str = ""


def compiled(source: SourceInfo) -> Patterns:
    """Read which lines count from a source's options.

    Raises:
        ValueError: the path is not absolute, a pattern is no regular expression, or the severity
            is unknown.

    """
    path = PurePath(source.text("path"))
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError(
            "path must be the absolute path of a file, for the node has another working folder"
        )
    return _compiled(source.many("pattern"), source.many("ignore"), source.text("least") or "error")


@lru_cache(maxsize=64)
def _compiled(wanted: tuple[str, ...], ignored: tuple[str, ...], least: str) -> Patterns:
    if least not in _LEAST:
        raise ValueError(f"least must be one of {', '.join(_LEAST)}")
    return Patterns(tuple(map(Pattern, wanted)), tuple(map(Pattern, ignored)), _LEAST[least])


def found(line: str, patterns: Patterns) -> tuple[Text | None, str]:
    """Read a line if it counts; else name why it does not."""
    # Loggers colour their levels.
    line = without_escapes(line[: 4 * MAX_LINE])[:MAX_LINE]
    if not line.strip():
        return None, "empty-line"
    # First of all, so that one pattern silences a line whatever else matches it.
    if any(pattern.find(line) is not None for pattern in patterns.ignored):
        return None, "ignored"
    if not patterns.wanted:
        text = _document(line) or _plain(line)
        return _if_severe(text, patterns.least)
    for pattern in patterns.wanted:
        groups = pattern.find(line)
        if groups is not None:
            plain = _document(line) or _plain(line)
            said = groups.get("severity", "")
            text = Text(
                message=groups.get("message", "").strip() or plain.message,
                severity=_word(said) or plain.severity or Severity.ERROR.word,
                service=groups.get("service", "") or plain.service,
                environment=groups.get("environment", "") or plain.environment,
            )
            # Who wrote a pattern wants its lines, unless it also says how severe they are.
            return _if_severe(text, patterns.least) if said else (text, "")
    return None, "no-match"


def fingerprint(message: str) -> str:
    """Identify a message. Those that differ only in numbers, hashes and quotes are one."""
    plain = _NUMBER.sub("#", _HASH.sub("#", _QUOTED.sub("?", message)))
    return hashlib.sha256(" ".join(plain.split()).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _if_severe(text: Text, least: Severity) -> tuple[Text | None, str]:
    if not text.severity:
        return None, "no-severity"
    return (text, "") if _LEAST[text.severity] >= least else (None, "below-severity")


def _plain(line: str) -> Text:
    rest = _STAMP.sub("", line, count=1)
    # `error:` counts only at the front, which may be behind the time.
    match = _LEVEL.search(line) or _LEVEL.search(rest)
    said = next((group for group in match.groups() if group), "") if match else ""
    rest = _LEVEL_FIRST.sub("", rest, count=1).strip()
    return Text(rest or line.strip(), _word(said.rpartition(":")[2].strip()))


def _document(line: str) -> Text | None:
    """Read a line of JSON; None when it is none."""
    if line[:1] != "{":
        return None
    try:
        document: object = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if not _is_object(document):
        return None
    service = document.get("service")
    message = first(
        *(document.get(key) for key in ("message", "msg", "event", "error", "@message"))
    )
    return Text(
        message=message or line,
        severity=_word(
            first(
                *(
                    document.get(key)
                    for key in ("level", "severity", "lvl", "log.level", "levelname")
                )
            )
        ),
        service=first(
            service.get("name") if _is_object(service) else service, document.get("service.name")
        ),
        environment=first(*(document.get(key) for key in ("environment", "env"))),
    )


def _word(said: str) -> str:
    if said.lower() in _WORST or said == "60":
        return Severity.CRITICAL.word
    known = severity(_SHORT.get(said.lower(), said))
    return known.word if known else ""


def _is_object(value: Loose) -> TypeGuard[Mapping[str, Loose]]:
    return isinstance(value, dict)
