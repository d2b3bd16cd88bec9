"""A deploy request as an event: made by who asks, parsed strictly by who judges.

A request names a target, an environment and one executor, and is soon out of date. A deploy names
an exact commit as well; it can carry no command, no address and no parameter that its target does
not declare. Its key is a hash of what is asked and of the asking device (`stream.fact.request_key`)
and is the identity of the run from the first line to the last: nobody else can ask under it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import msgspec

from devstream_desktop.deploy.locks import EVERYTHING, MAX_LOCK_MS
from devstream_desktop.deploy.parameters import InvalidParameterError, as_text, from_text
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.entry import public_key
from devstream_desktop.stream.event import Event, InvalidEventError, make_event
from devstream_desktop.stream.fact import request_key
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Kind

TTL_S = 120
"""Seconds for which a request is valid, unless it says otherwise."""
MAX_TTL_MS = 300_000
"""The longest a request may ask to be valid."""

NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
"""Targets and environments."""
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""A full commit hash, as git prints it: of SHA-1 or of SHA-256."""
SHA_RULE = "40 hexadecimal digits, or 64 where the repository uses SHA-256"
REF = re.compile(
    r"(?![-./])(?!@\Z)(?!.*(?:\.\.|//|/\.|@\{|\.lock(?:/|\Z)|[./]\Z))"
    r"[^\s\x00-\x1f\x7f~^:?*\[\\\ufffd]+"
)
"""The refs that can be deployed: what git allows for a branch.

No shell reads a ref here. A script that hands one to another shell quotes it: docs/deploy.md.
Source: https://git-scm.com/docs/git-check-ref-format
"""
REF_RULE = "what git allows in one"

_NO_KEY = "0" * 32
"""Stands in the request until its key is computed."""
_KEY = re.compile(r"[0-9a-f]{32}")
_MAX_REF = 255


class Action(StrEnum):
    """The things that can be asked of an executor; the value is the event's `action`."""

    DEPLOY = ""
    ROLLBACK = "rollback"
    DRY_RUN = "dry_run"
    LOCK = "lock"
    UNLOCK = "unlock"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"


RUNS = frozenset({Action.DEPLOY, Action.ROLLBACK, Action.DRY_RUN})
"""Actions that run a program; each names a commit."""
ABOUT_ANOTHER = frozenset({Action.APPROVE, Action.WITHDRAW, Action.CANCEL})
"""Actions about another request, which each names."""


class InvalidRequestError(DevstreamError):
    """A request that is malformed or cannot be made; the message is for a person."""


@dataclass(frozen=True)
class DeployRequest:
    """A well-formed request.

    Nothing here is trusted: `person` is who it says it is from, and times are the asker's clock.
    """

    id: str
    target: str
    environment: str
    ref: str
    sha: str
    executor: str
    person: str
    title: str
    reason: str
    time: int
    expires: int
    action: Action = Action.DEPLOY
    about: str = ""
    """Key of the request that it is about or replaces."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    expected: str = ""
    """The commit that ran there when the person decided; empty when that was not known."""
    lasts: int = 0
    """Milliseconds of a lock; 0: until it is unlocked."""
    override: bool = False


def make_request(
    *,
    device: str,
    person: str,
    target: str,
    environment: str,
    executor: str,
    now: int,
    ref: str = "",
    sha: str = "",
    reason: str = "",
    title: str = "",
    ttl_s: int = TTL_S,
    action: Action = Action.DEPLOY,
    about: str = "",
    parameters: Mapping[str, str] | None = None,
    expected: str = "",
    lasts: int = 0,
    override: bool = False,
) -> Event:
    """Make the event that asks `executor` for a deploy or another `action`.

    The commit `sha` was seen at `ref`, while `expected` ran there; `now` is UTC milliseconds.

    `executor` is a device id, and so is `device`, which is `person`'s and must sign the event.
    `ref` may be empty when only a commit was chosen; `title` is the commit's first line, so that
    everybody reads what ships.

    Raises:
        InvalidRequestError: a name, ref, commit or device id that no executor would accept.

    """
    if action in RUNS and not is_sha(sha):
        raise InvalidRequestError(f"a deploy needs the full commit hash: {SHA_RULE}")
    if ref and not is_ref(ref):
        raise InvalidRequestError(
            f"the ref cannot be deployed: it may have {REF_RULE}, and at most {_MAX_REF} characters"
        )
    try:
        asked = make_event(
            kind=Kind.DEPLOY,
            state="requested",
            service=target,
            environment=environment,
            subject=subject_of(target, environment, _NO_KEY),
            key=_NO_KEY,
            time=now,
            expires=now + ttl_s * 1000,
            ref=ref,
            revision=sha,
            actor=person,
            executor=executor,
            title=title,
            reason=reason,
            action=action,
            about=about,
            parameters=as_text(parameters or {}),
            previous=expected,
            duration=lasts,
            override=override,
        )
    except (InvalidEventError, InvalidParameterError) as error:
        raise InvalidRequestError(f"this deploy cannot be asked for: {error}") from None
    # Of the cleaned fields, which are what travels.
    # A hash of what is asked and who asks: nobody else can make the same key.
    key = request_key(asked, device)
    subject = subject_of(asked.service, asked.environment, key)
    event = msgspec.structs.replace(asked, key=key, request=key, number=key[:8], subject=subject)
    # As the executor will, so that nothing is published which it must refuse.
    parse_request(event, device)
    return event


def parse_request(event: Event, device: str) -> DeployRequest:
    """Return the request in `event`, which `device` signed.

    Its commit and ref are as given: the judge looks at them in its own order.

    Raises:
        InvalidRequestError: another event, or one whose parts contradict each other.

    """
    if event.kind is not Kind.DEPLOY or event.state != "requested":
        raise InvalidRequestError("this is not a deploy request")
    # A request that names itself wrongly could answer or cancel another.
    own = event.key == event.request == request_key(event, device)
    if not own or event.number != event.key[:8]:
        raise InvalidRequestError("the request's number is not its own")
    try:
        action = Action(event.action)
    except ValueError:
        raise InvalidRequestError(
            f"this executor does not know what {clean(event.action, 20)!r} asks for; update it"
        ) from None
    # A lock may be of a whole target, or of everything.
    wide = action in (Action.LOCK, Action.UNLOCK)
    for what, name in (("target", event.service), ("environment", event.environment)):
        if wide and name == ("" if what == "environment" else EVERYTHING):
            continue
        if not NAME.fullmatch(name):
            raise InvalidRequestError(
                f"the {what} has a name that no {what} can have: letters, digits and . _ - are "
                "allowed, up to 40"
            )
    if event.subject != subject_of(event.service, event.environment, event.key):
        raise InvalidRequestError("the request is about another subject than its target")
    try:
        public_key(event.executor)
    except ValueError:
        raise InvalidRequestError("the request names no executor") from None
    if action in ABOUT_ANOTHER and not _KEY.fullmatch(event.about):
        raise InvalidRequestError("it does not say which request it is about")
    if not 0 <= event.duration <= MAX_LOCK_MS:
        days = MAX_LOCK_MS // 86_400_000
        raise InvalidRequestError(f"a lock may hold for {days} days at most")
    # A request that lives long could be held back and sent when it suits somebody.
    if not 0 < event.expires - event.time <= MAX_TTL_MS:
        raise InvalidRequestError(
            f"a request may be valid for {MAX_TTL_MS // 60_000} minutes at most"
        )
    try:
        parameters = from_text(event.parameters)
    except InvalidParameterError as error:
        raise InvalidRequestError(str(error)) from None
    return replace(as_given(event), parameters=parameters)


def as_given(event: Event) -> DeployRequest:
    """Return the parts of an event that may be no proper request.

    They serve only to refuse it, and to remember that.
    """
    known = event.action in list(Action)
    return DeployRequest(
        id=event.key,
        target=event.service,
        environment=event.environment,
        ref=event.ref,
        sha=event.revision,
        executor=event.executor,
        person=event.actor,
        title=event.title,
        reason=event.reason,
        time=event.time,
        expires=event.expires,
        action=Action(event.action) if known else Action.DEPLOY,
        about=event.about,
        expected=event.previous,
        lasts=event.duration,
        override=event.override,
    )


def subject_of(target: str, environment: str, request: str) -> str:
    """Return the row that a request and all its answers share."""
    return f"deploy/{target}/{environment}/{request[:8]}"


def is_sha(text: str) -> bool:
    """Return true when `text` is a full commit hash and nothing else."""
    return SHA.fullmatch(text) is not None


def is_ref(text: str) -> bool:
    """Return true when `text` is a ref that can be deployed."""
    # What travels is cleaned; a ref that would be another one then cannot be looked up.
    return REF.fullmatch(text) is not None and clean(text, _MAX_REF) == text
