"""The items of the stream in words: for screen readers, tooltips and the delegate."""

from __future__ import annotations

import time
from datetime import datetime

from devstream_desktop.desktop.widgets.look import day_text, short_time, state_look
from devstream_desktop.desktop.windows.history.items import (
    Greens,
    Heading,
    Item,
    Pinned,
    Row,
    Step,
)
from devstream_desktop.language import _, number
from devstream_desktop.stream.line import STRUCK, brief, headline, render
from devstream_desktop.stream.text import clean, roughly, short_revision
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.widening import seen_text
from devstream_desktop.stream.words import Kind


def spoken(item: Item, now: datetime, *, new: bool = False) -> str:
    """Return an item in one sentence; `new` is whether it was not seen before."""
    said = _spoken(item, now)
    return _("new, {item}").format(item=said) if new else said


def _spoken(item: Item, now: datetime) -> str:
    if isinstance(item, Heading):
        return day_text(item.day, now.astimezone().date())
    if isinstance(item, Pinned):
        said = _("red now, {thing}, {more}")
        return said.format(thing=red_title(item.thing), more=red_more(item))
    line = item.line
    when = short_time(line.event.time, now)
    if isinstance(item, Greens):
        return ", ".join((_("passed"), clean(line.event.service), greens_text(item), when))
    parts = [state_look(line).word, clean(line.event.service), sentence_of(item), when]
    if isinstance(item, Row) and item.steps:
        steps = ", ".join(brief(step.event, step.transition) for step in item.steps)
        parts.append(_("steps: {steps}").format(steps=steps))
    if line.struck:
        parts.append(_(STRUCK))
    return ", ".join(part for part in parts if part)


def sentence_of(item: Row | Step) -> str:
    """Return what happened, without the service that stands before it.

    A deploy has the title of the commit that it shipped, where that is one of the steps.
    """
    line = item.line
    said = render(line.event, line.transition, service=False)
    if not isinstance(item, Row) or line.event.kind is not Kind.DEPLOY or line.event.title:
        return said
    titles = (step.event.title for step in item.steps if step.event.kind is Kind.CHANGE)
    title = next((title for title in titles if title), "")
    return f"{said} — {clean(title)}" if title else said


def red_title(thing: Thing) -> str:
    """Return what is broken, without the service that stands before it."""
    event = thing.line.event
    service = clean(event.service)
    said = headline(event, thing.line.transition).removeprefix(f"{service}: ")
    place = f"{event.environment[:1].upper()}{event.environment[1:]}: {service} "
    if event.environment and said.startswith(place):
        what = said.removeprefix(place)
        return _("{what} in {environment}").format(what=what, environment=event.environment)
    return said


def red_more(item: Pinned) -> str:
    """Return who is on it, who saw it, and what broke it."""
    thing, parts = item.thing, list[str]()
    event = thing.line.event
    if thing.claimed_by:
        parts.append(_("{person} is on it").format(person=thing.claimed_by))
    else:
        parts.append(_("unclaimed"))
    if seen := seen_text(thing, item.on_duty, int(time.time() * 1000)):
        parts.append(seen)
    if event.total and event.count:
        said = _("{count} of {total} tests")
        parts.append(said.format(count=number(event.count), total=number(event.total)))
    if event.reason:
        parts.append(event.reason)
    if thing.suspect is not None:
        shipped = thing.suspect.event
        suspect = _("suspect: {person}'s deploy of {revision}, {time} before").format(
            person=shipped.actor,
            revision=short_revision(shipped.revision),
            time=roughly(max(0, thing.since_ms - shipped.time)),
        )
        parts.append(suspect)
    return clean(" · ".join(parts))


def greens_text(item: Greens) -> str:
    """Return `6 green runs on main`."""
    said = _("{count} green runs on {branch}") if item.branch else _("{count} green runs")
    return said.format(count=len(item.lines), branch=item.branch)
