"""A deploy request and its answers as events.

Made here by who asks, parsed here strictly by who judges.

A request names a target, an environment, an exact commit and one executor, and is soon out of date:
it can carry no command, no address and no parameter. Its key is a hash of what is asked and of the
asking device (`stream.fact.request_key`) and is the identity of the run from the first line to the
last: nobody else can ask under it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.entry import public_key
from devstream_desktop.stream.event import Event, InvalidEventError, fact_key, make_event
from devstream_desktop.stream.fact import AuthorClass, identity, request_key
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import STATES, Kind

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
    r"[^\s\x00-\x1f\x7f~^:?*\[\\`$;&|<>\"\ufffd]+"
)
"""The refs that can be deployed: what git allows, less what would begin a command.

No shell reads a ref here. A script that hands one to another shell (`ssh host deploy $REF`) does.
Source: https://git-scm.com/docs/git-check-ref-format
"""
REF_RULE = "what git allows in one, but none of ` $ ; & | < > and quotation marks"

_NO_KEY = "0" * 32
"""Stands in the request until its key is computed."""
_MAX_REF = 120


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


def make_request(
    *,
    device: str,
    person: str,
    target: str,
    environment: str,
    ref: str,
    sha: str,
    executor: str,
    now: int,
    reason: str = "",
    title: str = "",
    ttl_s: int = TTL_S,
) -> Event:
    """Make the event that asks `executor` to deploy the commit `sha`.

    `sha` was seen at `ref`; `now` is UTC milliseconds.

    `executor` is a device id, and so is `device`, which is `person`'s and must sign the event.
    `ref` may be empty when only a commit was chosen; `title` is the commit's first line, so that
    everybody reads what ships.

    Raises:
        InvalidRequestError: a name, ref, commit or device id that no executor would accept.

    """
    if not is_sha(sha):
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
        )
    except InvalidEventError as error:
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
    for what, name in (("target", event.service), ("environment", event.environment)):
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
    # A request that lives long could be held back and sent when it suits somebody.
    if not 0 < event.expires - event.time <= MAX_TTL_MS:
        raise InvalidRequestError(
            f"a request may be valid for {MAX_TTL_MS // 60_000} minutes at most"
        )
    return as_given(event)


def as_given(event: Event) -> DeployRequest:
    """Return the parts of an event that may be no proper request.

    They serve only to refuse it, and to remember that.
    """
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
    )


def make_answer(
    *,
    request: str,
    target: str,
    environment: str,
    state: str,
    executor: str,
    person: str,
    ref: str,
    sha: str,
    title: str,
    time: int,
    duration: int = 0,
    reason: str = "",
    previous: str = "",
) -> Event:
    """Make the executor's answer to a request.

    `previous` is the commit that a successful deploy replaced.

    The key comes from the request and the state, so saying it again after a crash is the same row.
    """
    return make_event(
        kind=Kind.DEPLOY,
        state=state,
        service=target,
        environment=environment,
        subject=subject_of(target, environment, request),
        key=answer_key(request, state),
        number=request[:8],
        request=request,
        time=time,
        ref=ref,
        revision=sha,
        actor=person,
        executor=executor,
        title=title,
        duration=duration,
        reason=reason,
        previous=previous,
    )


def answer_key(request: str, state: str) -> str:
    """Return the key of the answer `state` to `request`."""
    return fact_key("deploy", Kind.DEPLOY, request, state)


def answers(request: str, executor: str) -> tuple[bytes, ...]:
    """Return the identities of every answer that `executor` can give to `request`.

    Looking them up in a history tells whether it was judged; what another device says does not.
    """
    states = (state for state in STATES[Kind.DEPLOY] if state != "requested")
    return tuple(
        identity(AuthorClass.EXECUTOR, Kind.DEPLOY, answer_key(request, state), executor)
        for state in states
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
