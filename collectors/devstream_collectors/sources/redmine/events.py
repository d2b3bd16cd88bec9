"""Redmine's issues as steps of a ticket; webhook and API speak of the same journals, so both come through here and give the same keys.

A webhook does not say which Redmine it is of, so an issue is known by its number with the time it was created.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import Loose, first, person, when, word
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.ticket import Ticket, is_done


class Named(msgspec.Struct, frozen=True):
    """A project, tracker, priority or person; the plugin's people have other names."""

    id: Loose = ""
    name: Loose = ""
    identifier: Loose = ""
    login: Loose = ""
    firstname: Loose = ""
    lastname: Loose = ""


class Status(msgspec.Struct, frozen=True):
    """A status; not every version says whether it is an end."""

    id: Loose = ""
    name: Loose = ""
    is_closed: Loose = None


class Detail(msgspec.Struct, frozen=True):
    """One field that a journal changed: `name`, `new_value` in the API, `prop_key`, `value` in a webhook."""

    property: Loose = ""
    prop_key: Loose = ""
    name: Loose = ""
    old_value: Loose = ""
    value: Loose = ""
    new_value: Loose = ""


class Journal(msgspec.Struct, frozen=True):
    """What was changed at once, by whom."""

    id: Loose = ""
    created_on: Loose = ""
    user: Named | None = None
    author: Named | None = None
    details: list[Detail | None] | None = None


class Issue(msgspec.Struct, frozen=True):
    """An issue, of a webhook, of the plugin and of the API."""

    id: Loose = ""
    subject: Loose = ""
    project: Named | None = None
    tracker: Named | None = None
    status: Status | None = None
    priority: Named | None = None
    author: Named | None = None
    created_on: Loose = ""
    updated_on: Loose = ""
    closed_on: Loose = ""
    journals: list[Journal | None] | None = None


def status_change(journal: Journal | None) -> Detail | None:
    """The change of status in a journal, if there is one."""
    for detail in (journal.details if journal else None) or ():
        if detail is not None and first(detail.prop_key, detail.name) == "status_id":
            return detail
    return None


def is_end(status: Status | None) -> bool:
    """Whether an issue in that status is closed."""
    if status is None:
        return False
    return status.is_closed if isinstance(status.is_closed, bool) else is_done(word(status.name))


def step(issue: Issue, state: str, once: str, actor: Named | None, at: int, source: SourceInfo, *, sort: str = "", url: str = "") -> Ticket:
    """One step of an issue.

    Args:
        issue: as it is.
        state: `opened`, `reopened` or `closed`.
        once: the journal's id, or another word that tells this step from others to the same state.
        actor: who did it.
        at: when, UTC milliseconds.
        source: its `url` is where the issue can be looked at.
        sort: how it was closed; otherwise the tracker's name is said.
        url: where the sender says it can be looked at.

    Raises:
        Dropped: the issue has no number.

    """
    number = word(issue.id)
    if not number:
        raise Dropped("unnamed-ticket")
    return Ticket(
        scope="redmine",
        identity=f"{number}/{when(issue.created_on)}",
        number=number,
        state=state,
        once=once,
        service=first(issue.project.name, issue.project.identifier) if issue.project else "",
        title=word(issue.subject),
        actor=_person(actor),
        priority=word(issue.priority.name) if issue.priority else "",
        sort=sort or (word(issue.tracker.name) if issue.tracker and state != "closed" else ""),
        url=url or (f"{source.url}/issues/{number}" if source.url else ""),
        time=at,
    )


def _person(who: Named | None) -> str:
    if who is None:
        return ""
    return person(who.name, " ".join(part for part in (word(who.firstname), word(who.lastname)) if part), who.login)
