"""Lists of the API of Gitea and Forgejo: asked page by page, the newest first."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Request, SourceInfo
from devstream_collectors.kit.polling import Answer, Older, Step, older, size_said, sized, unread
from devstream_collectors.sources.gitea.cursor import Cursor, ask_of

_LISTS: dict[str, tuple[str, dict[str, object]]] = {
    "pulls": ("/pulls", {"state": "closed", "sort": "recentupdate"}),
    "runs": ("/actions/runs", {}),
    "issues": ("/issues", {"type": "issues", "state": "all"}),
}
"""The lists that have pages, the newest first: path and query by the name of the answer."""
_SIZE = 30


def ask_list(source: SourceInfo, step: Step) -> Request:
    """Ask for a page of a list.

    `step.count` is its number, `step.of` a branch, `step.new` the time since when.
    """
    path, query = _LISTS[step.name]
    more = {
        name: value
        for name, value in (("branch", step.of), ("since", step.new), ("page", step.count))
        if value
    }
    # Gogs and old servers have no Actions, and no issues where they are switched off.
    missing_ok = step.name != "pulls"
    query = {**query, "limit": _SIZE, **more}
    return ask_of(source, path, step, query, missing_ok=missing_ok)


def ask_older(
    answer: Answer[Cursor], what: str, times: list[int], since: int, fresh: int, *, unseen: bool
) -> Older:
    """Ask for the page before one that is all new.

    Args:
        answer: the page.
        what: the things that are listed.
        times: those of its items, the newest first.
        since: the newest time known before the first page.
        fresh: its items that came since.
        unseen: its last item did.

    """

    def page(step: Step) -> Request:
        mark = str(since) if since else ""
        return ask_list(answer.source, msgspec.structs.replace(step, old=mark))

    return older(
        answer,
        what=what,
        full=len(times) >= _SIZE,
        all_new=unseen,
        page=page,
        since=since,
        until=times[-1] if times else 0,
        unread=unread(answer, answer.known.sizes, _size(answer), fresh),
    )


def _size(answer: Answer[Cursor]) -> int:
    # Of issues it would be the size of what was changed since, whatever was changed.
    known = answer.step.name != "issues"
    return size_said(answer.response.headers.get("x-total-count")) if known else -1


def sizes_of(answer: Answer[Cursor]) -> dict[str, int]:
    """Return the sizes of lists to remember."""
    return sized(answer, answer.known.sizes, _size(answer))
