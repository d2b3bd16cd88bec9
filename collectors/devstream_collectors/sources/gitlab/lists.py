"""Lists of GitLab's API: asked page by page, the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from devstream_collectors.contract import Request, SourceInfo
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.polling import Answer, Older, Step, older, size_said, sized, unread
from devstream_collectors.sources.gitlab.cursor import Cursor, ask_of
from devstream_collectors.sources.gitlab.push import ProjectEvent

_NEWEST = {"order_by": "updated_at", "sort": "desc", "per_page": 30}
_LISTS: dict[str, tuple[str, dict[str, object]]] = {
    "pushes": ("/events", {"action": "pushed", "per_page": 50}),
    "merges": ("/merge_requests", {"state": "merged", **_NEWEST}),
    "pipelines": ("/pipelines", {**_NEWEST}),
    "deployments": ("/deployments", {**_NEWEST}),
    "issues": ("/issues", {**_NEWEST}),
    "reopened": ("/events", {"action": "reopened", "target_type": "issue", "per_page": 20}),
}
"""The lists that have pages, the newest first: path and query by the name of the answer."""


def ask_list(source: SourceInfo, step: Step) -> Request:
    """Ask for a page of a list: `step.count` is its number, `step.of` a branch."""
    path, query = _LISTS[step.name]
    branch = {"ref": step.of} if step.of else {}
    page = {"page": step.count} if step.count > 1 else {}
    return ask_of(source, path, step, {**query, **branch, **page})


def since_of(answer: Answer[Cursor], known: int) -> int:
    """Return the newest time known before a list's first page."""
    return int(answer.step.old or known)


def events_since(events: list[ProjectEvent], since: int) -> Iterable[ProjectEvent]:
    """Return the events after `since`, the oldest first; none when it is 0."""
    return [event for event in reversed(events) if 0 < since < milliseconds(event.created_at)]


def newest_of(events: list[ProjectEvent], since: int) -> int:
    """Return the time of the newest event, `since` without any; never 0."""
    return max([since or 1, *(milliseconds(event.created_at) for event in events)])


def ask_older(
    answer: Answer[Cursor], what: str, times: list[int], since: int, fresh: int, mark: str = ""
) -> Older:
    """Ask for the page before one that is all newer than `since`; `fresh` items came since."""
    unseen = bool(times) and 0 < since < times[-1]
    return _page_before(answer, what, times, mark or str(since), since, fresh, unseen=unseen)


def ask_older_by_state(
    answer: Answer[Cursor],
    what: str,
    times: dict[str, int],
    states: dict[str, str],
    known: Mapping[str, str],
) -> Older:
    """Ask for the page before one that ends with news.

    Args:
        answer: the page.
        what: the things that are listed.
        times: those of its items.
        states: those of its items.
        known: the states known before.

    """
    last = next(reversed(states), "")
    # The list goes by the last change: one that is known and goes on is no end of the news.
    unseen = bool(last) and known.get(last) != states[last]
    fresh = sum(key not in known for key in states)
    return _page_before(answer, what, list(times.values()), "", 0, fresh, unseen=unseen)


def _page_before(
    answer: Answer[Cursor],
    what: str,
    times: list[int],
    mark: str,
    since: int,
    fresh: int,
    *,
    unseen: bool,
) -> Older:
    _, query = _LISTS[answer.step.name]
    return older(
        answer,
        what=what,
        full=len(times) >= int(str(query["per_page"])),
        all_new=unseen,
        page=lambda step: ask_list(answer.source, msgspec.structs.replace(step, old=mark)),
        since=since,
        until=times[-1] if times else 0,
        unread=unread(answer, answer.known.sizes, _size(answer), fresh),
    )


def _size(answer: Answer[Cursor]) -> int:
    """Return the size of a list; GitLab says it up to 10,000 items.

    https://docs.gitlab.com/api/rest/#pagination-response-headers
    """
    return size_said(answer.response.headers.get("x-total"))


def sizes_of(answer: Answer[Cursor]) -> dict[str, int]:
    """Return the sizes of lists to remember."""
    return sized(answer, answer.known.sizes, _size(answer))
