"""A rule in words, and its lists as a person types them."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from PySide6.QtCore import QLocale

from devstream_desktop.language import N_, _, either, number
from devstream_desktop.stream.preview import DAYS as LOOKED_BACK
from devstream_desktop.stream.preview import Preview
from devstream_desktop.stream.rules import DAYS, Attention, Rule, rule_title
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import OUTCOMES

EFFECTS = (
    (Attention.POPUP, N_("pops up")),
    (Attention.DIGEST, N_("goes into the digest")),
    (Attention.QUIET, N_("stays quiet")),
)
SEVERITIES: tuple[tuple[str | None, str], ...] = (
    (None, N_("any")),
    ("info", N_("info or worse")),
    ("notice", N_("notice or worse")),
    ("warning", N_("warning or worse")),
    ("error", N_("error or worse")),
    ("critical", N_("critical")),
)


def rule_name(rule: Rule) -> str:
    """Return the name of a rule; of a usual one as the language has it."""
    return rule_title(rule.name)


def day_name(day: str) -> str:
    """Return a day of `DAYS` as the language has it: `Mon`."""
    return QLocale().standaloneDayName(DAYS.index(day) + 1, QLocale.FormatType.ShortFormat)


def effect_text(rule: Rule) -> str:
    """Say what a rule does: `pops up and stays`."""
    if rule.urgent and rule.then is Attention.POPUP:
        return _("pops up and stays")
    return _(dict(EFFECTS)[rule.then])


def conditions_text(rule: Rule) -> str:
    """Say in one line when a rule fits: `deploy or incident · in prod* · from warning`."""
    parts = [
        _any([_(kind.value) for kind in rule.kind]),
        _any([_(word) if word in OUTCOMES else word for word in rule.state]),
        _("service {names}").format(names=_any(rule.service)) if rule.service else "",
        _("in {names}").format(names=_any(rule.environment)) if rule.environment else "",
        _("on {names}").format(names=_any(rule.branch)) if rule.branch else "",
        _("by {names}").format(names=_any(rule.actor)) if rule.actor else "",
        _(dict(SEVERITIES)[rule.severity]) if rule.severity else "",
        {None: "", True: _("mine"), False: _("of others")}[rule.mine],
        rule.hours or "",
        ", ".join(day_name(day) for day in rule.days),
    ]
    return " · ".join(part for part in parts if part) or _("every line")


def rule_for(line: Line) -> Rule:
    """Return a rule for lines like this one, to begin with."""
    event = line.event
    return Rule(
        name=clean(f"{event.service} {_(event.kind.value)}".strip(), 80),
        then=Attention.POPUP,
        kind=(event.kind,),
        service=(event.service,) if event.service else (),
        environment=(event.environment,) if event.environment else (),
    )


def preview_text(found: Preview) -> str:
    """Say the effect of rules: `12 of 480 lines` and so on."""
    match found.partial, bool(found.digest):
        case False, False:
            said = _("{popups} of {lines} lines of the last {days} days would have popped up.")
        case False, True:
            said = _(
                "{popups} of {lines} lines of the last {days} days would have popped up, and"
                " {digest} gone into a digest."
            )
        case True, False:
            said = _("{popups} of the newest {lines} lines would have popped up.")
        case _partial, _digest:
            said = _(
                "{popups} of the newest {lines} lines would have popped up, and {digest} gone into"
                " a digest."
            )
    said = said.format(
        popups=number(found.popups),
        lines=number(found.lines),
        digest=number(found.digest),
        days=LOOKED_BACK,
    )
    if not found.fixed:
        return said
    fixed = _("{count} of them do whatever the rules say.").format(count=number(found.fixed))
    return f"{said} {fixed}"


def typed_list(names: Sequence[str]) -> str:
    """Write names as a person types them, with commas between; a comma in one is quoted."""
    return ", ".join(f'"{name}"' if "," in name else name for name in names)


def names_in(text: str) -> tuple[str, ...]:
    """Read names with commas between."""
    row = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(name.strip() for name in row if name.strip())


def _any(names: Sequence[str]) -> str:
    return clean(either(names), 120)
