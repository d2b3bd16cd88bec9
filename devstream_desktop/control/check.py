"""One check of `devstream doctor`, as it is printed, sent and shown."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from devstream_desktop.language import N_

NAMES = frozenset(
    {
        N_("address"),
        N_("admins"),
        N_("carrier"),
        N_("carriers"),
        N_("certificate"),
        N_("clock"),
        N_("deploys"),
        "devstream",
        N_("discovery"),
        N_("disk"),
        N_("history"),
        N_("home"),
        N_("intake"),
        N_("keys"),
        N_("libraries"),
        N_("menu"),
        N_("missing"),
        N_("node"),
        N_("outlet"),
        N_("outlets"),
        N_("peer"),
        N_("peers"),
        N_("policy"),
        N_("popups"),
        N_("secrets"),
        N_("settings"),
        N_("source"),
        N_("sources"),
        N_("targets"),
        N_("team"),
        N_("transport"),
        N_("tray"),
    }
)
"""The names of checks. Scripts read them; a screen translates them."""


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
