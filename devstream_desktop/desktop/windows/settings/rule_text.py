"""A rule in words, and its lists as a person types them."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from devstream_desktop.stream.preview import DAYS, Preview
from devstream_desktop.stream.rules import Attention, Rule
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean

EFFECTS = (
    (Attention.POPUP, "pops up"),
    (Attention.DIGEST, "goes into the digest"),
    (Attention.QUIET, "stays quiet"),
)


def effect_text(rule: Rule) -> str:
    """Say what a rule does: `pops up and stays`."""
    said = dict(EFFECTS)[rule.then]
    return f"{said} and stays" if rule.urgent and rule.then is Attention.POPUP else said


def conditions_text(rule: Rule) -> str:
    """Say in one line when a rule fits: `deploy or incident · in prod* · from warning`."""
    parts = [
        _any(rule.kind),
        _any(rule.state),
        _said("service ", rule.service),
        _said("in ", rule.environment),
        _said("on ", rule.branch),
        _said("by ", rule.actor),
        f"{rule.severity} or worse" if rule.severity and rule.severity != "critical" else "",
        "critical" if rule.severity == "critical" else "",
        {None: "", True: "mine", False: "of others"}[rule.mine],
        rule.hours or "",
        ", ".join(rule.days),
    ]
    return " · ".join(part for part in parts if part) or "every line"


def rule_for(line: Line) -> Rule:
    """Return a rule for lines like this one, to begin with."""
    event = line.event
    return Rule(
        name=clean(f"{event.service} {event.kind.value}".strip(), 80),
        then=Attention.POPUP,
        kind=(event.kind,),
        service=(event.service,) if event.service else (),
        environment=(event.environment,) if event.environment else (),
    )


def preview_text(found: Preview) -> str:
    """Say the effect of rules: `12 of 480 lines` and so on."""
    lines = f"{found.popups:,} of {found.lines:,} lines of the last {DAYS} days"
    if found.partial:
        lines = f"{found.popups:,} of the newest {found.lines:,} lines"
    digest = f", and {found.digest:,} gone into a digest" if found.digest else ""
    fixed = f" {found.fixed:,} of them do whatever the rules say." if found.fixed else ""
    return f"{lines} would have popped up{digest}.{fixed}"


def typed_list(names: Sequence[str]) -> str:
    """Write names as a person types them, with commas between; a comma in one is quoted."""
    return ", ".join(f'"{name}"' if "," in name else name for name in names)


def names_in(text: str) -> tuple[str, ...]:
    """Read names with commas between."""
    row = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(name.strip() for name in row if name.strip())


def _any(names: Sequence[str]) -> str:
    return clean(" or ".join(names), 120)


def _said(word: str, names: Sequence[str]) -> str:
    return f"{word}{_any(names)}" if names else ""
