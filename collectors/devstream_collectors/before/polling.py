"""What pollers share: what a request is for travels in its tag, and of runs those under way are followed to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from devstream_collectors.before.outcome import gathered
from devstream_collectors.contract import Polled, Request, Response
from devstream_desktop.stream.event import Event

MAX_OPEN = 30
"""Runs and deployments under way that are asked for one by one, once they have left the first page."""
PER_PAGE = 50
MAX_PAGES = 5
"""Of runs that are all new: more than that between two rounds are an import, not news."""
OPEN = ("queued", "running", "waiting", "in_progress")
"""States, as a cursor keeps them, after which more will come."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """What a request is for. `name` says which answer it is, the rest what was known when it was asked."""

    name: str
    of: str = ""
    old: str = ""
    new: str = ""
    state: str = ""
    count: int = 0


def ask(path: str, step: Step, *, missing_ok: bool = False, **query: str | int) -> Request:
    """A request for `path`, which is quoted already, with `query` behind it."""
    tail = f"?{urlencode(query)}" if query else ""
    return Request(path + tail, tag=msgspec.json.encode(step).decode(), missing_ok=missing_ok)


def step_of(response: Response) -> Step:
    """What the answer is to."""
    return msgspec.json.decode(response.request.tag, type=Step)


def polled(
    cursor: msgspec.Struct,
    makers: Iterable[Callable[[], Event]] = (),
    requests: Iterable[Request] = (),
) -> Polled:
    """The events that can be made, the reasons of the others, and where to go on."""
    events, dropped, _ = gathered(makers)
    return Polled(events, msgspec.json.encode(cursor), tuple(requests), dropped)


def followed(known: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The states to remember: those on the page just read, and of the others the newest under way."""
    open_ = [(key, state) for key, state in known.items() if key not in now and state in OPEN]
    return dict(open_[-MAX_OPEN:]) | dict(now)


def paged(known: Mapping[str, str], here: Sequence[str], page: int) -> tuple[int, dict[str, str]]:
    """Of a list of runs in pages of `PER_PAGE`, the newest first: the page to ask for next (0: none), and the states to remember of others.

    Args:
        known: the states by key, as the round before left them.
        here: the keys on the page just read.
        page: which one that is, from 1.

    """
    unseen = bool(known) and len(here) >= PER_PAGE and not any(key in known for key in here)
    following = page + 1 if unseen and page < MAX_PAGES else 0
    # What was known before tells the next page where to stop.
    return following, dict(known) if following or page > 1 else followed(
        known, dict.fromkeys(here, "")
    )


def under_way(known: Mapping[str, str]) -> list[str]:
    """The keys of what is under way."""
    return [key for key, state in known.items() if state in OPEN][-MAX_OPEN:]


def without(known: Mapping[str, str], key: str) -> dict[str, str]:
    """The states without that of `key`, which the service does not know (any more); what is over stays, or it would be news again."""
    return {other: state for other, state in known.items() if other != key or state not in OPEN}


def next_page(link: str) -> bool:
    """Whether a `Link` header has a next page (https://datatracker.ietf.org/doc/html/rfc8288)."""
    return 'rel="next"' in link
