"""The frame of a poller: how a round begins, and a function for each sort of answer.

    poller = Poller(_Cursor)
    requests, parse = poller.requests, poller.parse

    @poller.begin
    def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
        yield ask("/builds", Step("builds"), per_page=50)

    @poller.answer("builds")
    def _builds(answer: Answer[_Cursor]) -> Polled:
        builds = answer.decode(list[Build])
        ...
        return answer.polled(makers, newest=newest)

A cursor is a struct of what must be known to miss nothing; `known` is empty at first contact. It is
kept when all that follows from a first request went well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, Response, SourceInfo
from devstream_collectors.kit.decoding import decode
from devstream_collectors.kit.outcome import Maker, gathered
from devstream_collectors.kit.place import Place

MAX_OPEN = 30
"""The most runs under way that are asked for one by one. They are off the first page by then."""
MAX_OVER = 200
"""Runs that are over and remembered, of all branches."""
PER_PAGE = 50
MAX_PAGES = 5
"""Of runs that are all new: more than that between two rounds are an import, not news."""
OPEN = ("queued", "running", "waiting", "in_progress")
"""States, as a cursor keeps them, after which more will come."""

Older = tuple[tuple[Request, ...], Gap | None]
"""The request for the page before, or the gap."""
_LINK = re.compile(r'<([^<>]{1,2000})>;[^<]{0,500}rel="next"')
_FIELD = re.compile(r'(?<!\w)(\w{1,20})="([^"]{0,200})"')
Query = Mapping[str, object] | Sequence[tuple[str, object]]
"""Parameters of a request."""
T = TypeVar("T")
C = TypeVar("C", bound=msgspec.Struct)


class Step(msgspec.Struct, frozen=True, array_like=True):
    """The purpose of a request: the name of its answer, and what was known when it was asked."""

    name: str
    of: str = ""
    old: str = ""
    new: str = ""
    state: str = ""
    count: int = 0
    unread: int = -1
    """Of a later page: new items that were not on those before it; -1: not known."""
    before: str = ""
    """Of a later page: the digest of the one before it."""


@dataclass(frozen=True)
class Answer(Generic[C]):
    """An answer of a round, and what is known before it."""

    step: Step
    known: C
    source: SourceInfo
    response: Response
    first: bool
    """Nothing was known yet when it came: the source is new."""
    odd: list[str] = field(default_factory=list)
    """The unreadable items that were left out of the body's lists."""

    @property
    def ok(self) -> bool:
        """True if there is a body; a missing thing (`missing_ok`) has none."""
        return self.response.status == 200

    @property
    def digest(self) -> str:
        """A short hash of the body."""
        return sha256(self.response.body).hexdigest()[:16]

    @property
    def repeats(self) -> bool:
        """True if it is the page before once more: what should be here is not known.

        A proxy may keep one answer for all pages, and a service may not have any.
        """
        return self.step.before == self.digest

    @property
    def received(self) -> int:
        """UTC milliseconds."""
        return self.response.received

    def decode(self, kind: type[T], *, strict: bool = True) -> T:
        """Decode the body; see `decoding.decode`.

        Raises:
            msgspec.MsgspecError: it is not what the service should say.

        """
        return decode(self.response.body, kind, strict=strict, odd=self.odd)

    def decode_or(self, other: T) -> T:
        """Decode the body as the type of `other`; a missing one is `other`."""
        return self.decode(type(other)) if self.ok else other

    def place(self, scope: str = "", service: str = "") -> Place:
        """Return the place of facts in this answer."""
        return Place(self.source, self.received, scope, service)

    def polled(
        self,
        makers: Iterable[Maker] = (),
        requests: Iterable[Request] = (),
        gap: Gap | None = None,
        **known: object,
    ) -> Polled:
        """Return the events, why others cannot be made, and the next requests.

        Args:
            makers: of the facts in this answer.
            requests: what to ask right now.
            gap: what there was more of than is read.
            known: the fields of the cursor that change.

        """
        events, dropped, _ = gathered(makers)
        if self.odd:
            dropped["unexpected-shape"] = dropped.get("unexpected-shape", 0) + len(self.odd)
        cursor = msgspec.structs.replace(self.known, **known) if known else self.known
        return Polled(events, msgspec.json.encode(cursor), tuple(requests), dropped, gap)


Begin = Callable[[C, SourceInfo, int], Iterable[Request]]
Read = Callable[[Answer[C]], Polled]


class Poller(Generic[C]):
    """A poller made of functions: the `requests` and `parse` of a collector.

    Args:
        cursor: a struct whose fields all have defaults.

    """

    def __init__(self, cursor: type[C]) -> None:
        self._cursor = cursor
        self._begin: Begin[C] | None = None
        self._readers: dict[str, Read[C]] = {}

    def begin(self, ask: Begin[C]) -> Begin[C]:
        """Register the function that gives the first requests of a round."""
        self._begin = ask
        return ask

    def answer(self, *names: str) -> Callable[[Read[C]], Read[C]]:
        """Register the function that reads the answers to steps of these names."""

        def register(read: Read[C]) -> Read[C]:
            self._readers |= dict.fromkeys(names, read)
            return read

        return register

    @property
    def steps(self) -> frozenset[str]:
        """The names of the steps whose answers can be read."""
        return frozenset(self._readers)

    def requests(self, cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
        """Return the first requests of a round."""
        if self._begin is None:
            raise TypeError("a poller needs a function that begins a round")
        return tuple(self._begin(self._known(cursor), source, now))

    def parse(self, response: Response, cursor: bytes, source: SourceInfo) -> Polled:
        """Read an answer.

        Raises:
            ValueError: it is not what the service should say.

        """
        step = msgspec.json.decode(response.request.tag, type=Step)
        known = self._known(cursor)
        return self._readers[step.name](Answer(step, known, source, response, first=not cursor))

    def _known(self, cursor: bytes) -> C:
        return decode(cursor, self._cursor) if cursor else self._cursor()


def ask(
    path: str,
    step: Step,
    *,
    missing_ok: bool = False,
    query: Query = (),
    **more: object,
) -> Request:
    """Make a request.

    Args:
        path: quoted already.
        step: what it is for.
        missing_ok: a 404 is an answer too.
        query: parameters whose names are no Python names, or stand more than once.
        more: the other parameters.

    """
    pairs = [*(query.items() if isinstance(query, Mapping) else query), *more.items()]
    tail = f"?{urlencode(pairs)}" if pairs else ""
    return Request(path + tail, tag=msgspec.json.encode(step).decode(), missing_ok=missing_ok)


def remembered(known: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Keep the states of a list's page and of earlier ones: a cursor has to stay small."""
    before = {key: state for key, state in known.items() if key not in now}
    open_ = [(key, state) for key, state in before.items() if state in OPEN]
    over = [(key, state) for key, state in before.items() if state not in OPEN]
    return dict(over[-MAX_OVER:]) | dict(open_[-MAX_OPEN:]) | dict(now)


def older(
    answer: Answer[C],
    *,
    what: str,
    full: bool,
    all_new: bool,
    page: Callable[[Step], Request],
    since: int = 0,
    until: int = 0,
    unread: int = -1,
) -> Older:
    """Ask for the page before; at the bound, return the gap.

    Args:
        answer: the page just read; `step.count` is its number, `step.old` what was known before
            the first page (`answer.known` has moved on by then).
        what: the things that are listed, for a person: `runs of main`.
        full: there may be a page before it.
        all_new: what ends it was not known before.
        page: makes the request of a step.
        since: the newest thing that was known before, UTC milliseconds; 0: not known.
        until: the oldest thing on this page, UTC milliseconds; 0: not known.
        unread: new things before this page; -1: not known.

    """
    # At first contact the newest page is enough.
    if answer.first:
        return (), None
    # Its items are known by now, and say nothing of what is before them.
    if answer.repeats:
        unread = answer.step.unread
    elif not (full and all_new) or unread == 0:
        return (), None
    number = max(1, answer.step.count)
    following = page(following_step(answer, number + 1, unread))
    # Where each page says the way to the next one, this one says the way to itself.
    stuck = answer.repeats and not _same(following, answer.response.request)
    if stuck or number >= MAX_PAGES:
        return (), Gap(what, max(0, unread), since, until)
    return (following,), None


def following_step(answer: Answer[C], number: int, unread: int = -1) -> Step:
    """Return the step of the next page of `answer`'s list; see `older` for `unread`."""
    return msgspec.structs.replace(answer.step, count=number, unread=unread, before=answer.digest)


def check_page(answer: Answer[C]) -> None:
    """Refuse a page of a whole list that repeats the one before.

    Its missing items would look gone.

    Raises:
        ValueError: it is the page before once more.

    """
    if answer.repeats:
        raise ValueError("a page of it is the page before once more")


def _same(one: Request, other: Request) -> bool:
    return replace(one, tag="") == replace(other, tag="")


def size_said(text: str | None) -> int:
    """Read the size of a list as a header says it; -1: not known."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else -1


def unread(answer: Answer[C], sizes: Mapping[str, int], size: int, fresh: int) -> int:
    """Count the new items of a list beyond its pages so far.

    Args:
        answer: a page of it.
        sizes: the sizes of lists in the round before, as `sized` gave them.
        size: that of the list now; -1: not known.
        fresh: the items of this page that came since.

    """
    left = answer.step.unread
    if answer.step.count <= 1:
        before = sizes.get(_name_of(answer), -1)
        left = size - before if min(size, before) >= 0 else -1
    return max(0, left - fresh) if left >= 0 else -1


def sized(answer: Answer[C], sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """Return the sizes of lists to remember; one not known (-1) is left out."""
    others = {name: known for name, known in sizes.items() if name != _name_of(answer)}
    return {**others, _name_of(answer): size} if size >= 0 else others


def _name_of(answer: Answer[C]) -> str:
    return f"{answer.step.name} {answer.step.of}".strip()


def again(answer: Answer[C], step: Step, **parameters: object) -> Request:
    """Ask the same as `answer` answers, with other parameters: its next page."""
    request = answer.response.request
    path, _, query = request.path.partition("?")
    pairs = [pair for pair in parse_qsl(query) if pair[0] not in parameters]
    tail = urlencode([*pairs, *parameters.items()])
    return replace(request, path=f"{path}?{tail}", tag=msgspec.json.encode(step).decode())


def under_way(known: Mapping[str, str]) -> list[str]:
    """Return the keys of what is under way."""
    return [key for key, state in known.items() if state in OPEN][-MAX_OPEN:]


def without(known: Mapping[str, str], key: str) -> dict[str, str]:
    """Forget the state of `key`; the service does not know it (any more).

    What is over stays, or it would be news again.
    """
    return {other: state for other, state in known.items() if other != key or state not in OPEN}


def next_page(link: str) -> bool:
    """Tell whether a `Link` header has a next page (https://datatracker.ietf.org/doc/html/rfc8288)."""
    return 'rel="next"' in link


def link_after(link: str) -> str:
    """Return the address of the next page, of a `Link` header; empty: none."""
    found = _LINK.search(link)
    return found[1] if found else ""


def cursor_after(link: str) -> str:
    """Return the next page's cursor, of Sentry's `Link` header; empty: none.

    https://docs.sentry.io/api/pagination/
    """
    for part in link.split(","):
        fields: dict[str, str] = dict(_FIELD.findall(part))
        if fields.get("rel") == "next" and fields.get("results") == "true":
            return fields.get("cursor", "")
    return ""
