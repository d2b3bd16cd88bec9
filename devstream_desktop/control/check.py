"""One check of `devstream doctor`, as it is printed, sent and shown."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at, and what to do about it.

    The advice is empty when nothing is to be done.
    """

    name: str
    verdict: Verdict
    what: str
    advice: str = ""


class Checks(msgspec.Struct, frozen=True):
    """The answer of `devstream doctor --json`."""

    problems: int
    checks: tuple[Check, ...]
