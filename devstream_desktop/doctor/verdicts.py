"""The three outcomes of a check."""

from __future__ import annotations

from devstream_desktop.control.check import Check, Verdict


def ok(name: str, what: str) -> Check:
    """Make a check of what is as it should be."""
    return Check(name, Verdict.OK, what)


def warning(name: str, what: str, advice: str) -> Check:
    """Make a check of what works, though not for ever."""
    return Check(name, Verdict.WARNING, what, advice)


def problem(name: str, what: str, advice: str) -> Check:
    """Make a check of what does not work."""
    return Check(name, Verdict.PROBLEM, what, advice)
