"""Required checks: the builds and tests that a commit must have passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from devstream_desktop.control import plan_words
from devstream_desktop.stream.text import duration, short_revision

GREEN = "succeeded"
UNDER_WAY = ("queued", "running")


@dataclass(frozen=True)
class Check:
    """The newest word on one build or test of a commit."""

    name: str
    state: str
    at: int
    """UTC milliseconds."""
    url: str = ""
    told_by: str = ""
    """The forge that was asked, by its name; empty: the stream."""


@dataclass(frozen=True)
class Reported:
    """A forge's word on the required checks of a commit; `trouble` says why there is none."""

    checks: tuple[Check, ...] = ()
    trouble: str = ""


def newest(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Keep the newest run of each check, by name."""
    latest: dict[str, Check] = {}
    for check in checks:
        known = latest.get(check.name)
        if known is None or check.at >= known.at:
            latest[check.name] = check
    return tuple(latest[name] for name in sorted(latest))


def refusal(
    required: Sequence[str],
    known: Sequence[Check],
    sha: str,
    now: int,
    max_age_ms: int,
    trouble: str = "",
) -> str:
    """Return which required check keeps `sha` from being deployed; empty for none.

    A pattern that no check answers refuses: it is not known whether it passed. `trouble` is why
    the forge could not be asked.
    """
    for pattern in required:
        found = [check for check in newest(known) if fnmatchcase(check.name, pattern)]
        if not found:
            unknown = plan_words.CHECK_UNKNOWN_FOR if trouble else plan_words.CHECK_UNKNOWN
            said = unknown.format(name=pattern, commit=short_revision(sha), reason=trouble)
            return said if trouble else f"{said}; {plan_words.CHECK_TO_COME}"
        for check in found:
            age = max(0, now - check.at)
            if check.state in UNDER_WAY:
                waits = plan_words.CHECK_WAITS[check.state].format(name=check.name)
                return f"{waits}; {plan_words.CHECK_TO_PASS}"
            if check.state != GREEN:
                other = "the check {name} {state} {age} ago"
                red = plan_words.CHECK_RED.get(check.state, other).format(
                    name=check.name, state=check.state, age=duration(max(1000, age))
                )
                return f"{red}; {plan_words.CHECK_TO_MEND}"
            if age > max_age_ms:
                old = plan_words.CHECK_OLD.format(
                    name=check.name, age=duration(age), most=duration(max_age_ms)
                )
                return f"{old}; {plan_words.CHECK_AGAIN}"
    return ""
