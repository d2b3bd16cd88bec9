"""The items of the stream in words: for screen readers, tooltips and the delegate."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from devstream_desktop.desktop.widgets.look import short_time, state_look
from devstream_desktop.desktop.windows.history.items import Greens, Heading, Item, Step, Thing
from devstream_desktop.stream.line import STRUCK, brief, render
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Kind


def spoken(item: Item, now: datetime) -> str:
    """Return an item in one sentence."""
    if isinstance(item, Heading):
        return day_text(item.day, now.astimezone().date())
    line = item.line
    when = short_time(line.event.time, now)
    if isinstance(item, Greens):
        return f"passed, {clean(line.event.service)}, {greens_text(item)}, {when}"
    parts = [state_look(line).word, clean(line.event.service), sentence_of(item), when]
    if isinstance(item, Thing) and item.steps:
        steps = ", ".join(brief(step.event, step.transition) for step in item.steps)
        parts.append(f"steps: {steps}")
    if line.struck:
        parts.append(STRUCK)
    return ", ".join(part for part in parts if part)


def sentence_of(item: Thing | Step) -> str:
    """Return what happened, without the service that stands before it.

    A deploy has the title of the commit that it shipped, where that is one of the steps.
    """
    line = item.line
    said = render(line.event, line.transition, service=False)
    if not isinstance(item, Thing) or line.event.kind is not Kind.DEPLOY or line.event.title:
        return said
    titles = (step.event.title for step in item.steps if step.event.kind is Kind.CHANGE)
    title = next((title for title in titles if title), "")
    return f"{said} — {clean(title)}" if title else said


def greens_text(item: Greens) -> str:
    """Return `6 green runs on main`."""
    on = f" on {item.branch}" if item.branch else ""
    return f"{len(item.lines)} green runs{on}"


def day_text(day: date, today: date) -> str:
    """Return `Today, Sunday 29 November`, or a date."""
    full = f"{day:%A} {day.day} {day:%B}"
    if day == today:
        return f"Today, {full}"
    if day == today - timedelta(days=1):
        return f"Yesterday, {full}"
    return full if day.year == today.year else f"{full} {day.year}"
