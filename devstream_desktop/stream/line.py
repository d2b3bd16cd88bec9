"""Rendering of an event as one line; it is never stored.

service actor verb object [to target] [· qualifier] [— title]

120 characters in lists and 80 in popups; the title is cut first and the actor never. Everything is
cleaned once more here, because a row may have been stored by another version.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import is_note, shown_state
from devstream_desktop.stream.subject import BACKLOG, GAP, Line
from devstream_desktop.stream.text import clean, duration, short_ref, short_revision, shorten
from devstream_desktop.stream.words import GREEN_STATES, Kind, Transition, lateness, outcome

LIST_WIDTH = 120
POPUP_WIDTH = 80
BRIEF_WIDTH = 40
STRUCK = "struck out: its device was revoked, and whoever had it may have written this"

ERROR = "/error/"
"""In the subject of an incident that is a program's error."""
_WORTH_CUTTING = 24
"""Characters of a qualifier that say enough of it."""
_MARK = "\0"
_SHORTEST_NAME = 8
_SMALL = re.compile(r"[1-9][0-9]{0,6}")
_DOWN = re.compile(r"(.+) (is|are) down")


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
    sentence, qualifiers, title = _PARTS[event.kind](event, transition)
    late = lateness(event.kind) if transition is Transition.OUTDATED else ""
    # Cleaning folds the two spaces after the service, so it works on the parts.
    plain = shorten(gap + _fitted(sentence, width - len(gap)), width)
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


def _name(text: str) -> str:
    """Mark a name in a sentence: where there is no room, names give way and not what happened."""
    return f"{_MARK}{clean(text)}{_MARK}"


def _fitted(sentence: str, room: int) -> str:
    """Shorten a sentence's names, the longest first, until it fits; clean it."""
    parts = sentence.split(_MARK)
    while (over := sum(map(len, parts)) - room) > 0:
        longest = max(range(1, len(parts), 2), key=lambda place: len(parts[place]), default=0)
        length = len(parts[longest])
        if not longest or length <= _SHORTEST_NAME:
            break
        parts[longest] = shorten(parts[longest], max(_SHORTEST_NAME, length - over))
    return clean("".join(parts), max(room, 0))


def told(line: Line, *, width: int = LIST_WIDTH) -> str:
    """Render a row for a terminal or a chat. A row that is struck out says so."""
    plain = render(line.event, line.transition, width=width)
    return f"{plain} [{STRUCK}]" if line.struck else plain


def headline(event: Event, transition: Transition = Transition.NONE) -> str:
    """Say where, what and how bad in a few words: the title of a popup."""
    service, word = clean(event.service), outcome(event.kind, event.state, transition)
    match event.kind:
        case Kind.INCIDENT:
            end = {"resolved": " is over", "firing again": " again"}.get(word, "")
            what = f"{event.title or event.subject}{end}"
        case Kind.BUILD | Kind.TEST:
            on = f" on {short_ref(event.ref)}" if event.ref else ""
            what = f"{_run_name(event)} {word}{on}"
        case Kind.DEPLOY:
            what = word
        case _:
            what = _PARTS[event.kind](event, transition)[0]
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
        name = _run_name(event)
        if well:
            return clean(f"{name} {event.total}" if event.total else name, BRIEF_WIDTH)
        failed = f" {event.count} of {event.total}" if event.count and event.total else ""
        return clean(f"{name} {word}{failed}", BRIEF_WIDTH)
    if event.kind is Kind.DEPLOY and event.environment:
        failed = word.removeprefix("deploy ")
        return clean(event.environment if well else f"{event.environment} {failed}", BRIEF_WIDTH)
    return clean(word, BRIEF_WIDTH)


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


_Parts = tuple[str, list[str], str]


def _who(event: Event) -> str:
    return event.actor or "somebody"


def _plural(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def _change(event: Event, _: Transition) -> _Parts:
    ref, new, old = (
        short_ref(event.ref),
        short_revision(event.revision),
        short_revision(event.previous),
    )
    if event.state == "force-pushed":
        return f"{_who(event)} force-pushed {ref} from {old or '?'} to {new}", [], event.title
    if event.state == "merged":
        # Some forges do not say the commit.
        title, number = _numbered(event.title)
        into = f" into {ref}" if ref else ""
        if number and not new:
            return f"{_who(event)} merged {number}{into}", [], title
        return f"{_who(event)} merged {new}{into}", [], event.title
    if event.state in ("created", "deleted"):
        return (
            f"{_who(event)} {event.state} {ref}" + (f" at {new or old}" if new or old else ""),
            [],
            event.title,
        )
    if event.state == "reset":
        return f"{_who(event)} reset {ref} from {old or '?'} to {new}", [], event.title
    # Not every sender says how many.
    commits = f" {_plural(event.count, 'commit')}" if event.count else ""
    return f"{_who(event)} pushed{commits} to {ref}", [new], event.title


_NUMBERED = re.compile(r"(.*?) ?\(([#!][\w.-]+)\)")


def _numbered(title: str) -> tuple[str, str]:
    """Take the number of a request from the end of its title."""
    match = _NUMBERED.fullmatch(title)
    return (match[1], match[2]) if match else (title, "")


def _run(event: Event, transition: Transition) -> _Parts:
    word = outcome(event.kind, event.state, transition)
    # What is red now is told in capitals.
    verb = {"failed": "FAILED", "errored": "ERRORED"}.get(word, word)
    if event.state in ("queued", "running"):
        verb = f"is {word}"
    elif event.state == "cancelled":
        verb = f"was {word}"
    place = f" on {short_ref(event.ref)}" if event.ref else ""
    at = f" at {short_revision(event.revision)}" if event.revision else ""
    tests = (
        f"{event.count} of {event.total} tests"
        if event.total and event.count
        else f"{_plural(event.total, 'test')}"
        if event.total
        else ""
    )
    took = f"in {duration(event.duration)}" if event.duration else ""
    by = f"by {event.actor}" if event.actor else ""
    # The reason is often a commit's title: last, so that it is what is cut, and not who did it.
    return f"{_name(_run_name(event))} {verb}{place}{at}", [tests, took, by], event.reason


def _run_name(event: Event) -> str:
    """Name a run: by its number where its name says nothing, or nothing else tells it apart."""
    name = event.title or str(event.kind)
    number = f"#{event.number}" if _SMALL.fullmatch(event.number) else ""
    if name.casefold() == event.service.casefold():
        return f"{event.kind} {number}".strip()
    if not number or number in name:
        return name
    return name if event.ref or event.revision else f"{name} {number}"


def _deploy(event: Event, _: Transition) -> _Parts:
    what = _name(short_revision(event.revision) or short_ref(event.ref) or event.service)
    # Not every tool has environments.
    to = f" to {_name(event.environment)}" if event.environment else ""
    on = f"on {_name(event.environment)}" if event.environment else "deployed"
    who = _name(_who(event))
    took = f" in {duration(event.duration)}" if event.duration else ""
    after = f" after {duration(event.duration)}" if event.duration else ""
    if (command := _command(event, who)) is not None:
        return command, [event.reason], ""
    # A rollback and a dry run are told as what they are.
    deploy = {"rollback": "rollback", "dry_run": "dry run of the deploy"}.get(
        event.action, "deploy"
    )
    sentence = {
        "requested": f"{who} asks to deploy {what}{to}",
        "refused": f"{who}'s {deploy} of {what}{to} was refused",
        "queued": f"{who}'s {deploy} of {what}{to} is queued",
        "waiting": f"{who}'s {deploy} of {what}{to} is waiting",
        "in_progress": f"{who} is deploying {what}{to}",
        "success": f"{who} deployed {what}{to}{took}",
        "failure": f"{who}'s {deploy} of {what}{to} FAILED{after}",
        "error": f"{who}'s {deploy} of {what}{to} ERRORED{after}",
        "cancelled": f"{who}'s {deploy} of {what}{to} was cancelled",
        "inactive": f"{what} is no longer {on}",
        "unknown": f"the outcome of {who}'s {deploy} of {what}{to} is unknown",
        "dry_run": f"{who}'s {deploy} of {what}{to} passed{took}",
    }.get(event.state, f"{who}: {event.state}")
    if event.action in ("rollback", "dry_run"):
        sentence = {
            "requested": f"{who} asks for a {deploy} of {what}{to}",
            "in_progress": f"the {deploy} of {what}{to} by {who} is under way",
            "success": f"{who} rolled {event.environment} back to {what}{took}",
        }.get(event.state, sentence)
    glass = ["break-glass"] if event.override else []
    return sentence, [*glass, event.reason], event.title


def _command(event: Event, who: str) -> str | None:
    """Say what was asked beside a deploy; None for a deploy."""
    place = _name(event.environment or ("everything" if event.service == "*" else "everywhere"))
    deploy = f"the deploy to {place}"
    number = event.about[:8]
    asked, done = {
        "lock": (f"lock {place}", f"{who} locked {place}"),
        "unlock": (f"unlock {place}", f"{who} unlocked {place}"),
        "approve": (f"approve {deploy} {number}", f"{who} approved {deploy} {number}"),
        "withdraw": (f"withdraw {deploy} {number}", f"{who} withdrew {deploy} {number}"),
        "cancel": (f"cancel {deploy} {number}", f"{who} asked for the end of {deploy} {number}"),
    }.get(event.action, ("", ""))
    if not asked:
        return None
    if event.state == "requested":
        return f"{who} asks to {asked}"
    if event.state == "refused":
        return f"{who}'s request to {asked} was refused"
    return f"{place} is unlocked" if event.state == "unlocked" else done


def _incident(event: Event, transition: Transition) -> _Parts:
    name = event.title or event.subject
    place = f" on {event.environment}" if event.environment else ""
    by = f"by {event.actor}" if event.actor else ""
    lasted = duration(event.duration) if event.duration else ""
    # The word comes first: many names are sentences, with a verb of their own.
    word = outcome(event.kind, event.state, transition)
    if event.state == "resolved":
        after = f" after {lasted}" if lasted else ""
        if down := _DOWN.fullmatch(name):
            return f"{down[1]} {down[2]} up{after}{place}", [by], ""
        return f"{word}: {name}{after}{place}", [by], ""
    # An error does not fire, it happens.
    if ERROR in event.subject:
        word = word.replace("firing", "error")
    since = f" since {lasted}" if lasted else ""
    severity = "" if word == event.severity.word else event.severity.word
    return f"{word}{since}: {name}{place}", [severity, event.reason, by], ""


def _ticket(event: Event, _: Transition) -> _Parts:
    name = event.number or event.subject.rsplit("/", 1)[-1]
    # As forges write it; a tracker's key has letters in it.
    if name.isdecimal():
        name = f"#{name}"
    place = f" on {event.environment}" if event.environment else ""
    return f"{_who(event)} {event.state} {name}{place}", [event.reason], event.title


def _duty(event: Event, _: Transition) -> _Parts:
    return f"{_who(event)} is {event.state} duty", [], event.title


def _claim(event: Event, _: Transition) -> _Parts:
    if is_note(event):
        said = f"asks {event.about} to take over" if event.about else "noted"
        return f"{_who(event)} {said}", [event.reason], event.title
    verb = "is on it" if event.state == "claimed" else "let it go"
    return f"{_who(event)} {verb}", [event.reason], event.title


def _source(event: Event, _: Transition) -> _Parts:
    if event.subject.endswith(BACKLOG):
        lines, away = _plural(event.count, "line"), duration(event.duration)
        return f"source {event.source} was not read for {away}: {lines}", [event.reason], ""
    if event.subject.endswith(GAP):
        return f"source {event.source or event.service}: {_name(event.title)}", [], ""
    # The notice of a source that was cut short.
    if event.count:
        return (
            f"source {event.source or event.subject} … {event.count} more suppressed",
            [event.reason],
            event.title,
        )
    if event.expires:
        ends = datetime.fromtimestamp(event.expires / 1000, UTC).date()
        return (
            f"the token of source {event.source or event.subject} ends on {ends}",
            [event.reason],
            "",
        )
    # A title says why it is heard without having been silent: it was tested.
    word = outcome(event.kind, event.state)
    verb = f"went {word}" if event.state == "silent" else "answers" if event.title else f"is {word}"
    after = f"after {duration(event.duration)}" if event.duration else ""
    return f"source {event.source or event.subject} {verb}", [event.reason, after], event.title


def _team(event: Event, _: Transition) -> _Parts:
    who, device = _who(event), event.subject.removeprefix("member/")[:8]
    by = "with another device"
    # The same person on another machine: nobody new, and nobody is gone.
    if event.previous:
        by = f"with {device} in place of {event.previous[:8]}"
    another = event.count > 1
    sentence = {
        "joined": f"{who} joined {by}" if another else f"{who} joined the team",
        "revoked": f"{who}'s device {device} was revoked"
        if event.count
        else f"{who} was removed from the team",
        "left": f"{who}'s device {device} left the team" if event.count else f"{who} left the team",
        "policy": f"{_who(event)} changed the policy",
        "available": f"can be deployed to {event.environment}",
        "removed": f"can no longer be deployed to {event.environment}",
        "asked": f"{who} asks to join {by}" if another else f"{who} asks to join the team",
        "rejected": f"{_who(event)} was rejected by the team",
        "issuing": f"{_who(event)} accepts joins",
    }[event.state]
    return sentence, [event.reason], event.title


_PARTS = {
    Kind.CHANGE: _change,
    Kind.BUILD: _run,
    Kind.TEST: _run,
    Kind.DEPLOY: _deploy,
    Kind.INCIDENT: _incident,
    Kind.TICKET: _ticket,
    Kind.DUTY: _duty,
    Kind.CLAIM: _claim,
    Kind.SOURCE: _source,
    Kind.TEAM: _team,
}
