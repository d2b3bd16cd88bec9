"""The sentence of each kind of event: a message for each form, with named places.

English is told to scripts and peers; the desk shows the same in its language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from devstream_desktop.language import N_, _, ngettext
from devstream_desktop.stream.deploy_sentences import deploy_sentence, is_beside
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import is_note
from devstream_desktop.stream.named import named
from devstream_desktop.stream.subject import BACKLOG, CARRIER, ERROR, GAP
from devstream_desktop.stream.text import duration, short_ref, short_revision
from devstream_desktop.stream.words import Kind, Transition, outcome

_SMALL = re.compile(r"[1-9][0-9]{0,6}")
_DOWN = re.compile(r"(.+) (is|are) down")
_NUMBERED = re.compile(r"(.*?) ?\(([#!][\w.-]+)\)")


class Parts(NamedTuple):
    """The parts of a line."""

    sentence: str
    """Its names are marked, as by `named`."""
    qualifiers: tuple[str, ...] = ()
    """Empty ones are left out."""
    title: str = ""


def parts_of(event: Event, transition: Transition) -> Parts:
    """Say an event: its sentence, qualifiers and title."""
    return _PARTS[event.kind](event, transition)


def run_name(event: Event) -> str:
    """Name a run: by its number where its name says nothing, or nothing else tells it apart."""
    kind = _(event.kind.value)
    name = event.title or kind
    number = f"#{event.number}" if _SMALL.fullmatch(event.number) else ""
    if name.casefold() == event.service.casefold():
        return f"{kind} {number}".strip()
    if not number or number in name:
        return name
    return name if event.ref or event.revision else f"{name} {number}"


def _who(event: Event) -> str:
    return event.actor or _("somebody")


def _change(event: Event, _transition: Transition) -> Parts:
    who, ref, title = _who(event), short_ref(event.ref), event.title
    new, old = short_revision(event.revision), short_revision(event.previous)
    if event.state in ("force-pushed", "reset"):
        moved = (
            _("{who} force-pushed {ref} from {old} to {new}")
            if event.state == "force-pushed"
            else _("{who} reset {ref} from {old} to {new}")
        )
        return Parts(moved.format(who=who, ref=ref, old=old or "?", new=new), title=title)
    if event.state == "merged":
        # Some forges do not say the commit.
        short, number = _numbered(title)
        merged = _("{who} merged {what} into {ref}") if ref else _("{who} merged {what}")
        if number and not new:
            return Parts(merged.format(who=who, what=number, ref=ref), title=short)
        return Parts(merged.format(who=who, what=new, ref=ref), title=title)
    if event.state in ("created", "deleted"):
        here = new or old
        if event.state == "created":
            done = _("{who} created {ref} at {revision}") if here else _("{who} created {ref}")
        else:
            done = _("{who} deleted {ref} at {revision}") if here else _("{who} deleted {ref}")
        return Parts(done.format(who=who, ref=ref, revision=here), title=title)
    # Not every sender says how many.
    pushed = (
        ngettext(
            "{who} pushed {count} commit to {ref}", "{who} pushed {count} commits to {ref}", count
        )
        if (count := event.count)
        else _("{who} pushed to {ref}")
    )
    return Parts(pushed.format(who=who, count=count, ref=ref), (new,), title)


def _numbered(title: str) -> tuple[str, str]:
    """Take the number of a request from the end of its title."""
    match = _NUMBERED.fullmatch(title)
    return (match[1], match[2]) if match else (title, "")


class _Run(NamedTuple):
    """A run's outcome as a sentence, by itself and with a place."""

    alone: str
    at: str


# What is red now is told in capitals.
_RUNS: Mapping[str, _Run] = MappingProxyType(
    {
        "queued": _Run(N_("{run} is queued"), N_("{run} is queued {where}")),
        "running": _Run(N_("{run} is running"), N_("{run} is running {where}")),
        "passed": _Run(N_("{run} passed"), N_("{run} passed {where}")),
        "fixed": _Run(N_("{run} fixed"), N_("{run} fixed {where}")),
        "failed": _Run(N_("{run} FAILED"), N_("{run} FAILED {where}")),
        "errored": _Run(N_("{run} ERRORED"), N_("{run} ERRORED {where}")),
        "still failing": _Run(N_("{run} still failing"), N_("{run} still failing {where}")),
        "cancelled": _Run(N_("{run} was cancelled"), N_("{run} was cancelled {where}")),
    }
)
_RUN_TITLES: Mapping[str, _Run] = MappingProxyType(
    {
        **_RUNS,
        "queued": _Run(N_("{run} queued"), N_("{run} queued {where}")),
        "running": _Run(N_("{run} running"), N_("{run} running {where}")),
        "failed": _Run(N_("{run} failed"), N_("{run} failed {where}")),
        "errored": _Run(N_("{run} errored"), N_("{run} errored {where}")),
        "cancelled": _Run(N_("{run} cancelled"), N_("{run} cancelled {where}")),
    }
)
"""The same in the title of a popup."""


def run_title(event: Event, transition: Transition) -> str:
    """Say a run's outcome in the title of a popup."""
    form = _RUN_TITLES[outcome(event.kind, event.state, transition)]
    ref = short_ref(event.ref)
    where = _("on {ref}").format(ref=ref) if ref else ""
    return _(form.at if where else form.alone).format(run=run_name(event), where=where)


def _run(event: Event, transition: Transition) -> Parts:
    ref, revision = short_ref(event.ref), short_revision(event.revision)
    where = {
        (True, True): _("on {ref} at {revision}"),
        (True, False): _("on {ref}"),
        (False, True): _("at {revision}"),
        (False, False): "",
    }[bool(ref), bool(revision)].format(ref=ref, revision=revision)
    form = _RUNS[outcome(event.kind, event.state, transition)]
    sentence = _(form.at if where else form.alone).format(run=named(run_name(event)), where=where)
    # The reason is often a commit's title: last, so that it is what is cut, and not who did it.
    return Parts(sentence, (_tests(event), _in(event), _by(event)), event.reason)


def _tests(event: Event) -> str:
    if event.total and event.count:
        return _("{count} of {total} tests").format(count=event.count, total=event.total)
    if event.total:
        return ngettext("{count} test", "{count} tests", event.total).format(count=event.total)
    return ""


def _in(event: Event) -> str:
    return _("in {duration}").format(duration=duration(event.duration)) if event.duration else ""


def _after(event: Event) -> str:
    return _("after {duration}").format(duration=duration(event.duration)) if event.duration else ""


def _by(event: Event) -> str:
    return _("by {person}").format(person=event.actor) if event.actor else ""


def _deploy(event: Event, _transition: Transition) -> Parts:
    sentence = deploy_sentence(event, _who(event))
    if is_beside(event):
        return Parts(sentence, (event.reason,))
    glass = _("break-glass") if event.override else ""
    return Parts(sentence, (glass, event.reason), event.title)


def _incident(event: Event, transition: Transition) -> Parts:
    name, environment = event.title or event.subject, event.environment
    if event.state == "resolved":
        return Parts(_resolved(event, name), (_by(event),))
    # The word comes first: many names are sentences, with a verb of their own.
    again = outcome(event.kind, event.state, transition) == "firing again"
    lasted = duration(event.duration) if event.duration else ""
    # An error does not fire, it happens.
    if ERROR in event.subject:
        word = "error again" if again else "error"
        alone, since = (
            (_("error again: {alert}"), _("error again since {duration}: {alert}"))
            if again
            else (_("error: {alert}"), _("error since {duration}: {alert}"))
        )
    else:
        word = "firing again" if again else "firing"
        alone, since = (
            (_("firing again: {alert}"), _("firing again since {duration}: {alert}"))
            if again
            else (_("firing: {alert}"), _("firing since {duration}: {alert}"))
        )
    alert = (
        _("{alert} on {environment}").format(alert=name, environment=environment)
        if environment
        else name
    )
    sentence = (since if lasted else alone).format(alert=alert, duration=lasted)
    severity = "" if word == event.severity.word else _(event.severity.word)
    return Parts(sentence, (severity, event.reason, _by(event)))


def _resolved(event: Event, name: str) -> str:
    lasted, environment = bool(event.duration), event.environment
    where = {
        (True, True): _("after {duration} on {environment}"),
        (True, False): _("after {duration}"),
        (False, True): _("on {environment}"),
        (False, False): "",
    }[lasted, bool(environment)].format(
        duration=duration(event.duration) if lasted else "", environment=environment
    )
    down = _DOWN.fullmatch(name)
    if down is None:
        form = _("resolved: {alert} {where}") if where else _("resolved: {alert}")
    elif down[2] == "is":
        form = _("{alert} is up {where}") if where else _("{alert} is up")
    else:
        form = _("{alert} are up {where}") if where else _("{alert} are up")
    return form.format(alert=down[1] if down else name, where=where)


def _ticket(event: Event, _transition: Transition) -> Parts:
    name = event.number or event.subject.rsplit("/", 1)[-1]
    # As forges write it; a tracker's key has letters in it.
    if name.isdecimal():
        name = f"#{name}"
    form = {
        ("opened", False): _("{who} opened {ticket}"),
        ("opened", True): _("{who} opened {ticket} on {environment}"),
        ("reopened", False): _("{who} reopened {ticket}"),
        ("reopened", True): _("{who} reopened {ticket} on {environment}"),
        ("closed", False): _("{who} closed {ticket}"),
        ("closed", True): _("{who} closed {ticket} on {environment}"),
    }[event.state, bool(event.environment)]
    sentence = form.format(who=_who(event), ticket=name, environment=event.environment)
    return Parts(sentence, (event.reason,), event.title)


def _duty(event: Event, _transition: Transition) -> Parts:
    form = _("{who} is on duty") if event.state == "on" else _("{who} is off duty")
    return Parts(form.format(who=_who(event)), (), event.title)


def _claim(event: Event, _transition: Transition) -> Parts:
    if is_note(event):
        form = _("{who} asks {person} to take over") if event.about else _("{who} noted")
    elif event.state == "claimed":
        form = _("{who} is on it")
    else:
        form = _("{who} let it go")
    return Parts(form.format(who=_who(event), person=event.about), (event.reason,), event.title)


def _source(event: Event, _transition: Transition) -> Parts:
    if event.subject.endswith(BACKLOG):
        form = ngettext(
            "source {source} was not read for {duration}: {count} line",
            "source {source} was not read for {duration}: {count} lines",
            event.count,
        )
        away = duration(event.duration)
        sentence = form.format(source=event.source, duration=away, count=event.count)
        return Parts(sentence, (event.reason,))
    if event.subject.endswith(GAP):
        source = event.source or event.service
        return Parts(_("source {source}: {gap}").format(source=source, gap=named(event.title)))
    source = event.source or event.subject
    if event.subject.startswith(CARRIER):
        lost = event.state == "silent"
        form = _("{place} has lost {broker}") if lost else _("{place} has {broker} again")
        sentence = form.format(place=source, broker=event.service)
        return Parts(sentence, (event.reason, _after(event)))
    # The notice of a source that was cut short.
    if event.count:
        sentence = _("source {source} … {count} more suppressed")
        return Parts(
            sentence.format(source=source, count=event.count), (event.reason,), event.title
        )
    if event.expires:
        ends = datetime.fromtimestamp(event.expires / 1000, UTC).date()
        sentence = _("the token of source {source} ends on {date}")
        return Parts(sentence.format(source=source, date=ends), (event.reason,))
    if event.state == "silent":
        sentence = _("source {source} went silent")
    # A title says why it is heard without having been silent: it was tested.
    elif event.title:
        sentence = _("source {source} answers")
    else:
        sentence = _("source {source} is back")
    return Parts(sentence.format(source=source), (event.reason, _after(event)), event.title)


def _team(event: Event, _transition: Transition) -> Parts:
    # The same person on another machine: nobody new, and nobody is gone.
    another, instead = event.count > 1, bool(event.previous)
    form = {
        "joined": _("{who} joined with {device} in place of {other}")
        if another and instead
        else _("{who} joined with another device")
        if another
        else _("{who} joined the team"),
        "asked": _("{who} asks to join with {device} in place of {other}")
        if another and instead
        else _("{who} asks to join with another device")
        if another
        else _("{who} asks to join the team"),
        "revoked": _("{who}'s device {device} was revoked")
        if event.count
        else _("{who} was removed from the team"),
        "left": _("{who}'s device {device} left the team")
        if event.count
        else _("{who} left the team"),
        "policy": _("{who} changed the policy"),
        "available": _("can be deployed to {environment}"),
        "removed": _("can no longer be deployed to {environment}"),
        "rejected": _("{who} was rejected by the team"),
        "issuing": _("{who} accepts joins"),
    }[event.state]
    sentence = form.format(
        who=_who(event),
        device=event.subject.removeprefix("member/")[:8],
        other=event.previous[:8],
        environment=event.environment,
    )
    return Parts(sentence, (event.reason,), event.title)


_PARTS: Mapping[Kind, Callable[[Event, Transition], Parts]] = MappingProxyType(
    {
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
)
