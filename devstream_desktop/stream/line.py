"""Rendering of an event as one line; it is never stored.

service actor verb object [to target] [· qualifier] [— title]

120 characters in lists and 80 in popups; the title is cut first and the actor never. Everything is
cleaned once more here, because a row may have been stored by another version.
"""

from __future__ import annotations

import re

from devstream_desktop.language import N_, _
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import shown_state
from devstream_desktop.stream.named import fitted, unmarked
from devstream_desktop.stream.sentences import parts_of, run_name, run_title
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean, shorten
from devstream_desktop.stream.words import GREEN_STATES, Kind, Transition, lateness, outcome

LIST_WIDTH = 120
POPUP_WIDTH = 80
BRIEF_WIDTH = 40
STRUCK = N_("struck out: its device was revoked, and whoever had it may have written this")

_WORTH_CUTTING = 24
"""Characters of a qualifier that say enough of it."""


def render(
    event: Event,
    transition: Transition = Transition.NONE,
    *,
    width: int = LIST_WIDTH,
    service: bool = True,
) -> str:
    """Render an event in at most `width` characters.

    `service` puts the service in front, where the screen has no column for it.
    """
    gap = f"{clean(event.service)}  " if service else ""
    sentence, qualifiers, title = parts_of(event, transition)
    late = _(lateness(event.kind)) if transition is Transition.OUTDATED else ""
    # Cleaning folds the two spaces after the service, so it works on the parts.
    plain = shorten(gap + fitted(sentence, width - len(gap)), width)
    for text in filter(None, map(clean, (late, *qualifiers))):
        # One that does not fit is left out, or cut where enough of it is said.
        room = width - len(plain) - 3
        if len(text) <= room or room >= _WORTH_CUTTING:
            plain = f"{plain} · {shorten(text, room)}"
    room = width - len(plain) - 3
    # A title of fewer characters than that says nothing.
    if title and room >= 8:
        plain = f"{plain} — {clean(title, limit=room)}"
    return plain


def told(line: Line, *, width: int = LIST_WIDTH) -> str:
    """Render a row for a terminal or a chat. A row that is struck out says so."""
    plain = render(line.event, line.transition, width=width)
    return f"{plain} [{_(STRUCK)}]" if line.struck else plain


def headline(event: Event, transition: Transition = Transition.NONE) -> str:
    """Say where, what and how bad in a few words: the title of a popup."""
    service, name = clean(event.service), event.title or event.subject
    word = outcome(event.kind, event.state, transition)
    match event.kind:
        case Kind.INCIDENT:
            over = {"resolved": _("{alert} is over"), "firing again": _("{alert} again")}
            what = over.get(word, "{alert}").format(alert=name)
        case Kind.BUILD | Kind.TEST:
            what = run_title(event, transition)
        case Kind.DEPLOY:
            what = _(word)
        case _:
            what = unmarked(parts_of(event, transition).sentence)
    if event.environment:
        place = event.environment[:1].upper() + event.environment[1:]
        return clean(f"{place}: {service} {what}", POPUP_WIDTH)
    return clean(f"{service}: {what}", POPUP_WIDTH)


def brief(event: Event, transition: Transition = Transition.NONE) -> str:
    """Say an event in two or three words, as a step.

    A mark stands before it, so that what went well needs no verb.
    """
    word = outcome(event.kind, shown_state(event), transition)
    well = (event.kind, event.state) in GREEN_STATES
    if event.kind in (Kind.BUILD, Kind.TEST):
        said = [run_name(event)]
        if well:
            said += [str(event.total)] if event.total else []
        else:
            said.append(_(word))
            if event.count and event.total:
                said.append(_("{count} of {total}").format(count=event.count, total=event.total))
        return clean(" ".join(said), BRIEF_WIDTH)
    if event.kind is Kind.DEPLOY and event.environment:
        failed = "" if well else f" {_(word.removeprefix('deploy '))}"
        return clean(f"{event.environment}{failed}", BRIEF_WIDTH)
    return clean(_(word), BRIEF_WIDTH)


_WEB = re.compile(r"https?://[!-;=?-~]+")
"""An address without spaces, controls and angle brackets."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def markdown(line: Line) -> str:
    """Render a row for a chat that reads Markdown, with its link."""
    text = _MARKDOWN.sub(r"\\\1", told(line))
    if not _WEB.fullmatch(line.event.url):
        return text
    # A bracket would end the address early.
    url = line.event.url.replace("(", "%28").replace(")", "%29")
    return f"[{text}]({url})"
