"""Jira's issues as steps of a ticket; webhook and API speak of the same changes, so both come through here and give the same keys.

A change is known by its id in the issue's history. Whether a status is an end Jira says by its category; where a version does not, a
resolution that is set or taken away tells, and at last the status' name.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from devstream_collectors.kit.decoding import first, person, when, word
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.ticket import Ticket, is_done
from devstream_collectors.sources.jira.payloads import Change, Fields, Issue, Item, Named, Status, Transition, User

_REOPEN = "reopen"


def opened(issue: Issue, actor: User | None) -> Ticket:
    """An issue that was created.

    Raises:
        Dropped: it has no key.

    """
    fields = issue.fields or Fields()
    return _ticket(issue, "opened", "", actor or fields.creator or fields.reporter, when(fields.created))


def deleted(issue: Issue, actor: User | None, at: int) -> Ticket:
    """An issue that is no more: closed for good.

    Raises:
        Dropped: it has no key.

    """
    return _ticket(issue, "closed", "deleted", actor, at, sort="deleted")


def changed(issue: Issue, change: Change, actor: User | None, at: int, *, now: bool) -> Ticket:
    """An issue that was closed or reopened by a change.

    Args:
        issue: as it is.
        change: what was changed.
        actor: who did it.
        at: when, UTC milliseconds.
        now: the issue's status is the one that this change made.

    Raises:
        Dropped: the change is another one, or the issue has no key.

    """
    items = [item for item in change.items or () if item is not None]
    status = next((item for item in items if word(item.field).lower() == "status"), None)
    resolution = next((item for item in items if word(item.field).lower() == "resolution"), None)
    if status is None and resolution is None:
        raise Dropped("ticket-not-news")
    state = _state(status, resolution, issue.fields.status if now and issue.fields else None)
    if not state:
        raise Dropped("status-not-news", word(status.to_string) if status else "")
    why = word(resolution.to_string) if resolution and state == "closed" else ""
    return _ticket(issue, state, word(change.id) or str(at), actor, at, sort=why)


def moved(issue: Issue, step: Transition, actor: User | None, at: int) -> Ticket:
    """An issue that a step of its workflow closed or reopened.

    Raises:
        Dropped: it did neither, or the issue has no key.

    """
    old, new = word(step.from_status), word(step.to_status)
    state = "reopened" if word(step.transition_name).lower().startswith(_REOPEN) else _by_name(old, new)
    if not state:
        raise Dropped("status-not-news", new)
    return _ticket(issue, state, str(at), actor, at)


def _state(status: Item | None, resolution: Item | None, current: Status | None) -> str:
    if resolution is not None:
        cleared, was_set = not first(resolution.to_id, resolution.to_string), first(resolution.from_id, resolution.from_string)
        if cleared and was_set:
            return "reopened"
        if not cleared and not was_set:
            return "closed"
        # From one resolution to another is no news, unless its status says so.
    if status is None:
        return ""
    old, new = word(status.from_string), word(status.to_string)
    category = word(current.status_category.key) if current and current.status_category else ""
    if not category:
        return _by_name(old, new)
    if category == "done":
        return "" if is_done(old) else "closed"
    return "reopened" if is_done(old) or new.lower().startswith(_REOPEN) else ""


def _by_name(old: str, new: str) -> str:
    if is_done(new):
        return "" if is_done(old) else "closed"
    return "reopened" if is_done(old) or new.lower().startswith(_REOPEN) else ""


def _ticket(issue: Issue, state: str, once: str, actor: User | None, at: int, *, sort: str = "") -> Ticket:
    fields, key = issue.fields or Fields(), first(issue.key, issue.id)
    if not key:
        raise Dropped("unnamed-ticket")
    base = _base(word(issue.address))
    return Ticket(
        scope=f"jira/{base.partition('://')[2].lower()}",
        identity=first(issue.id, issue.key),
        number=key,
        state=state,
        once=once,
        service=_name(fields.project) or key.rpartition("-")[0],
        title=word(fields.summary),
        actor=person(actor.display_name, actor.name) if actor else "",
        priority=_name(fields.priority),
        sort=sort or (_name(fields.issuetype) if state != "closed" else ""),
        url=f"{base}/browse/{quote(key)}" if base else "",
        time=at,
    )


def _base(address: str) -> str:
    """The installation's address from that of an issue in its API; it may be below a path."""
    try:
        parts = urlsplit(address.partition("/rest/")[0])
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}" if parts.scheme in ("http", "https") and parts.netloc else ""


def _name(of: Named | None) -> str:
    return first(of.name, of.key) if of else ""
