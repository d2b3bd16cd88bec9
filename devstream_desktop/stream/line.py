"""Rendering of an event as one line; it is never stored.

service actor verb object [to target] [· qualifier] [— title]

120 characters in lists and 80 in popups; the title is cut first and the actor never. Everything is
cleaned once more here, because a row may have been stored by another version.
"""

from __future__ import annotations

from datetime import UTC, datetime

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean, duration, short_ref, short_revision, shorten
from devstream_desktop.stream.words import Kind, Transition

LIST_WIDTH = 120
POPUP_WIDTH = 80
STRUCK = "struck out: its device was revoked, and whoever had it may have written this"

_OUTDATED = dict.fromkeys((Kind.BUILD, Kind.TEST), "for an older commit")


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
    sentence, qualifiers, title = _PARTS[event.kind](event, transition)
    head = f"{event.service}  {sentence}" if service else sentence
    late = _OUTDATED.get(event.kind, "told late") if transition is Transition.OUTDATED else ""
    head = " · ".join([head, *(text for text in (late, *qualifiers) if text)])
    # Cleaning folds the two spaces after the service, so it works on the parts' text and the gap is
    # put back.
    gap = f"{clean(event.service)}  "
    plain = clean(head, limit=width)
    if service and plain.startswith(gap[:-1]):
        plain = shorten(gap + plain[len(gap) - 1 :], width)
    room = width - len(plain) - 3
    # A title of fewer characters than that says nothing.
    if title and room >= 8:
        plain = f"{plain} — {clean(title, limit=room)}"
    return plain


def told(line: Line, *, width: int = LIST_WIDTH) -> str:
    """Render a row for a terminal or a chat. A row that is struck out says so."""
    plain = render(line.event, line.transition, width=width)
    return f"{plain} [{STRUCK}]" if line.struck else plain


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
        return f"{_who(event)} merged {new}" + (f" into {ref}" if ref else ""), [], event.title
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


_RUN_VERBS = {
    "queued": "is queued",
    "running": "is running",
    "succeeded": "passed",
    "failed": "FAILED",
    "errored": "ERRORED",
    "cancelled": "was cancelled",
}


def _run(event: Event, transition: Transition) -> _Parts:
    verb = _RUN_VERBS[event.state]
    # The change is the news, not the state.
    if transition is Transition.FIXED:
        verb = "fixed"
    elif transition is Transition.STILL_BROKEN:
        verb = "still failing" if event.state == "failed" else "still ERRORED"
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
    return f"{event.title or event.kind} {verb}{place}{at}", [tests, took, by], event.reason


def _deploy(event: Event, _: Transition) -> _Parts:
    what, where = (
        short_revision(event.revision) or short_ref(event.ref) or event.service,
        event.environment or "?",
    )
    who = _who(event)
    took = f" in {duration(event.duration)}" if event.duration else ""
    after = f" after {duration(event.duration)}" if event.duration else ""
    sentence = {
        "requested": f"{who} asks to deploy {what} to {where}",
        "refused": f"{who}'s deploy of {what} to {where} was refused",
        "queued": f"{who}'s deploy of {what} to {where} is queued",
        "waiting": f"{who}'s deploy of {what} to {where} is waiting",
        "in_progress": f"{who} is deploying {what} to {where}",
        "success": f"{who} deployed {what} to {where}{took}",
        "failure": f"{who}'s deploy of {what} to {where} FAILED{after}",
        "error": f"{who}'s deploy of {what} to {where} ERRORED{after}",
        "cancelled": f"{who}'s deploy of {what} to {where} was cancelled",
        "inactive": f"{what} is no longer on {where}",
        "unknown": f"the outcome of {who}'s deploy of {what} to {where} is unknown",
    }[event.state]
    return sentence, [event.reason], event.title


def _incident(event: Event, transition: Transition) -> _Parts:
    name, place = (
        event.title or event.subject,
        f" on {event.environment}" if event.environment else "",
    )
    by = f"by {event.actor}" if event.actor else ""
    if event.state == "resolved":
        after = f" after {duration(event.duration)}" if event.duration else ""
        return f"{name} resolved{after}{place}", [by], ""
    new = {Transition.NEW: "new: ", Transition.REGRESSED: "again: "}.get(transition, "")
    since = f" since {duration(event.duration)}" if event.duration else ""
    return f"{new}{name} firing{since}{place}", [event.severity.word, event.reason, by], ""


def _ticket(event: Event, _: Transition) -> _Parts:
    name = event.number or event.subject.rsplit("/", 1)[-1]
    place = f" on {event.environment}" if event.environment else ""
    severity = event.severity.word if event.severity.value > 10 else ""
    return f"{_who(event)} {event.state} {name}{place}", [severity, event.reason], event.title


def _duty(event: Event, _: Transition) -> _Parts:
    return f"{_who(event)} is {event.state} duty", [], event.title


def _claim(event: Event, _: Transition) -> _Parts:
    verb = "is on it" if event.state == "claimed" else "let it go"
    return f"{_who(event)} {verb}", [event.reason], event.title


def _source(event: Event, _: Transition) -> _Parts:
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
    verb = "went silent" if event.state == "silent" else "answers" if event.title else "is back"
    after = f"after {duration(event.duration)}" if event.duration else ""
    return f"source {event.source or event.subject} {verb}", [event.reason, after], event.title


def _team(event: Event, _: Transition) -> _Parts:
    sentence = {
        "joined": f"{_who(event)} joined the team",
        "revoked": f"{_who(event)} was removed from the team",
        "policy": f"{_who(event)} changed the policy",
        "available": f"can be deployed to {event.environment}",
        "removed": f"can no longer be deployed to {event.environment}",
        "asked": f"{_who(event)} asks to join the team",
        "rejected": f"{_who(event)} was not let into the team",
        "issuing": f"{_who(event)} lets people in",
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
