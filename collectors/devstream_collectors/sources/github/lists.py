"""Lists of GitHub's API: asked page by page, the newest first."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Request, SourceInfo
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.polling import Answer, Older, Step, older
from devstream_collectors.sources.github.cursor import Cursor, ask_of

_LISTS: dict[str, tuple[str, dict[str, object]]] = {
    "pulls": ("/pulls", {"state": "closed", "sort": "updated", "direction": "desc"}),
    "runs": ("/actions/runs", {}),
    "deployments": ("/deployments", {}),
    "issues": ("/issues", {"state": "all", "sort": "created", "direction": "desc"}),
    "ticket-events": ("/issues/events", {}),
}
"""The lists that have pages, the newest first: path and query by the name of the answer."""
_SIZES = {"runs": 30, "pulls": 30, "deployments": 30, "issues": 30, "ticket-events": 50}


def ask_list(source: SourceInfo, step: Step) -> Request:
    """Ask for a page of a list: `step.count` is its number, `step.of` a branch."""
    path, query = _LISTS[step.name]
    branch = {"branch": step.of} if step.of else {}
    page = {"page": step.count} if step.count > 1 else {}
    return ask_of(source, path, step, {**query, **branch, "per_page": _SIZES[step.name], **page})


def ask_older(
    answer: Answer[Cursor],
    what: str,
    times: list[int],
    known: str,
    *,
    all_new: bool,
    left: int = -1,
) -> Older:
    """Ask for the page before one that is all new.

    Args:
        answer: the page.
        what: the things that are listed.
        times: those of its items, the newest first.
        known: what was known before the first page.
        all_new: none of them was known.
        left: new items before this page, where GitHub says how many; else -1.

    """
    limit = _SIZES[answer.step.name]

    def page(step: Step) -> Request:
        return ask_list(answer.source, msgspec.structs.replace(step, old=known))

    return older(
        answer,
        what=what,
        full=len(times) >= limit,
        all_new=all_new,
        page=page,
        since=milliseconds(known) if "T" in known else 0,
        until=times[-1] if times else 0,
        unread=left,
    )
