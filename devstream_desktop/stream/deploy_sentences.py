"""The sentence of a deploy, and of what is asked beside one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from devstream_desktop.language import N_, _
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.named import named
from devstream_desktop.stream.text import duration, short_ref, short_revision


class _Act(NamedTuple):
    """The forms of an act beside a deploy."""

    asked: str
    refused: str
    done: str


_ACTS: Mapping[str, _Act] = MappingProxyType(
    {
        "lock": _Act(
            N_("{who} asks to lock {place}"),
            N_("{who}'s request to lock {place} was refused"),
            N_("{who} locked {place}"),
        ),
        "unlock": _Act(
            N_("{who} asks to unlock {place}"),
            N_("{who}'s request to unlock {place} was refused"),
            N_("{who} unlocked {place}"),
        ),
        "approve": _Act(
            N_("{who} asks to approve the deploy to {place} {number}"),
            N_("{who}'s request to approve the deploy to {place} {number} was refused"),
            N_("{who} approved the deploy to {place} {number}"),
        ),
        "withdraw": _Act(
            N_("{who} asks to withdraw the deploy to {place} {number}"),
            N_("{who}'s request to withdraw the deploy to {place} {number} was refused"),
            N_("{who} withdrew the deploy to {place} {number}"),
        ),
        "cancel": _Act(
            N_("{who} asks to cancel the deploy to {place} {number}"),
            N_("{who}'s request to cancel the deploy to {place} {number} was refused"),
            N_("{who} asked for the end of the deploy to {place} {number}"),
        ),
    }
)


class _Noun(NamedTuple):
    """A deploy as a noun. Not every tool has environments."""

    to: str
    alone: str


_DEPLOY = _Noun(N_("deploy of {what} to {place}"), N_("deploy of {what}"))
_NOUNS: Mapping[str, _Noun] = MappingProxyType(
    {
        "rollback": _Noun(N_("rollback of {what} to {place}"), N_("rollback of {what}")),
        "dry_run": _Noun(
            N_("dry run of the deploy of {what} to {place}"), N_("dry run of the deploy of {what}")
        ),
    }
)
"""A rollback and a dry run are told as what they are."""


class _Form(NamedTuple):
    """A state as a sentence: with its place and how long it took, or without."""

    to: str
    alone: str
    to_in: str
    alone_in: str


def _form(to: str, alone: str = "", to_in: str = "", alone_in: str = "") -> _Form:
    alone = alone or to
    return _Form(to, alone, to_in or to, alone_in or to_in or alone)


_FORMS: Mapping[str, _Form] = MappingProxyType(
    {
        "requested": _form(
            N_("{who} asks to deploy {what} to {place}"), N_("{who} asks to deploy {what}")
        ),
        "refused": _form(N_("{who}'s {deploy} was refused")),
        "queued": _form(N_("{who}'s {deploy} is queued")),
        "waiting": _form(N_("{who}'s {deploy} is waiting")),
        "in_progress": _form(
            N_("{who} is deploying {what} to {place}"), N_("{who} is deploying {what}")
        ),
        "success": _form(
            N_("{who} deployed {what} to {place}"),
            N_("{who} deployed {what}"),
            N_("{who} deployed {what} to {place} in {took}"),
            N_("{who} deployed {what} in {took}"),
        ),
        "failure": _form(
            N_("{who}'s {deploy} FAILED"), to_in=N_("{who}'s {deploy} FAILED after {took}")
        ),
        "error": _form(
            N_("{who}'s {deploy} ERRORED"), to_in=N_("{who}'s {deploy} ERRORED after {took}")
        ),
        "cancelled": _form(N_("{who}'s {deploy} was cancelled")),
        "inactive": _form(N_("{what} is no longer on {place}"), N_("{what} is no longer deployed")),
        "unknown": _form(N_("the outcome of {who}'s {deploy} is unknown")),
        "dry_run": _form(
            N_("{who}'s {deploy} passed"), to_in=N_("{who}'s {deploy} passed in {took}")
        ),
    }
)
_OTHER = _form("{who}: {state}")
_NOT_PLAIN: Mapping[str, _Form] = MappingProxyType(
    {
        "requested": _form(N_("{who} asks for a {deploy}")),
        "in_progress": _form(N_("the {deploy} by {who} is under way")),
        "success": _form(
            N_("{who} rolled {environment} back to {what}"),
            to_in=N_("{who} rolled {environment} back to {what} in {took}"),
        ),
    }
)
"""The sentences of a rollback and a dry run."""


def is_beside(event: Event) -> bool:
    """Tell whether an event is an act beside a deploy: a lock."""
    return event.action in _ACTS


def deploy_sentence(event: Event, person: str) -> str:
    """Say a deploy, or an act beside one; its names are marked.

    `person`: whoever acts.
    """
    who = named(person)
    if is_beside(event):
        everywhere = _("everything") if event.service == "*" else _("everywhere")
        place = named(event.environment or everywhere)
        return _(_act(event)).format(who=who, place=place, number=event.about[:8])
    what = named(short_revision(event.revision) or short_ref(event.ref) or event.service)
    place = named(event.environment)
    noun = _NOUNS.get(event.action, _DEPLOY)
    plain = _FORMS.get(event.state, _OTHER)
    form = _NOT_PLAIN.get(event.state, plain) if event.action in _NOUNS else plain
    if event.duration:
        sentence = form.to_in if event.environment else form.alone_in
    else:
        sentence = form.to if event.environment else form.alone
    return _(sentence).format(
        who=who,
        what=what,
        place=place,
        deploy=_(noun.to if event.environment else noun.alone).format(what=what, place=place),
        environment=event.environment,
        took=duration(event.duration),
        state=_(event.state),
    )


def _act(event: Event) -> str:
    act = _ACTS[event.action]
    match event.state:
        case "requested":
            return act.asked
        case "refused":
            return act.refused
        case "unlocked":
            return N_("{place} is unlocked")
        case _:
            return act.done
