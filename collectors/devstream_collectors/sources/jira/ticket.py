"""Jira's issues as steps of a ticket.

Webhook and API speak of the same changes, so both come through here and give the same keys. A
change is known by its id in the issue's history. Whether a status is an end Jira says by its
category; where a version does not, a resolution that is set or taken away tells, and at last the
status' name.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote, urlsplit

import msgspec

from devstream_collectors.kit.decoding import Loose, Many, Part, Text, Time, person
from devstream_collectors.kit.outcome import Dropped, Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, is_done, ticket_event
from devstream_desktop.stream.event import Event

_REOPEN = "reopen"
_GATEWAY = "https://api.atlassian.com/ex/jira/"
"""Jira Cloud for tokens with scopes; the cloud's id follows.

https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/
"""


class User(msgspec.Struct, frozen=True, rename="camel"):
    """An account; Cloud says no user name, and an old version nothing but it."""

    display_name: Text = ""
    name: Text = ""

    @property
    def plain(self) -> str:
        """The name for a line."""
        return person(self.display_name, self.name)


class Named(msgspec.Struct, frozen=True):
    """A type, a priority, a project or a category of statuses."""

    name: Text = ""
    key: Text = ""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """A status; the key of its category is `new`, `indeterminate` or `done`."""

    name: Text = ""
    status_category: Part[Named] = Named()

    @property
    def is_end(self) -> bool:
        """True if an issue in it is closed."""
        return (
            self.status_category.key == "done" if self.status_category.key else is_done(self.name)
        )


class Fields(msgspec.Struct, frozen=True):
    """The fields of an issue."""

    summary: Text = ""
    issuetype: Part[Named] = Named()
    priority: Part[Named] = Named()
    project: Part[Named] = Named()
    status: Part[Status] = Status()
    creator: Part[User] = User()
    reporter: Part[User] = User()
    created: Time = 0
    updated: Time = 0
    security: Loose = None
    """The level of those who may see it; nothing: everybody may."""


class Item(msgspec.Struct, frozen=True, rename="camel"):
    """One field that was changed; `to` and `from` are ids, the others names."""

    field: Text = ""
    from_id: Text = msgspec.field(default="", name="from")
    from_string: Text = ""
    to_id: Text = msgspec.field(default="", name="to")
    to_string: Text = ""


class Change(msgspec.Struct, frozen=True):
    """A change: the webhook's `changelog`, and an entry of the API's history."""

    id: Text = ""
    created: Time = 0
    author: Part[User] = User()
    items: Many[Item] = []


class Changelog(msgspec.Struct, frozen=True):
    """All changes of an issue, in an answer of the API."""

    histories: Many[Change] = []


class Issue(msgspec.Struct, frozen=True):
    """An issue."""

    id: Text = ""
    key: Text = ""
    address: Text = msgspec.field(default="", name="self")
    """Its address in the API."""
    fields: Part[Fields] = Fields()
    changelog: Part[Changelog] = Changelog()


class Transition(msgspec.Struct, frozen=True):
    """A step of a workflow, as a workflow's own webhook says it."""

    transition_name: Text = msgspec.field(default="", name="transitionName")
    from_status: Text = ""
    to_status: Text = ""


def opened(issue: Issue, actor: User, place: Place) -> Event:
    """Make the event of a created issue.

    Raises:
        Dropped: it has no key.

    """
    fields = issue.fields
    name = actor.plain or fields.creator.plain or fields.reporter.plain
    return _step(issue, "opened", "", name, fields.created, place)


def deleted(issue: Issue, actor: User, at: int, place: Place) -> Event:
    """Make the event of a deleted issue: closed for good.

    Raises:
        Dropped: it has no key.

    """
    return _step(issue, "closed", "deleted", actor.plain, at, place, sort="deleted")


def changed(
    issue: Issue, change: Change, actor: User, at: int, place: Place, *, now: bool
) -> Event:
    """Make the event of an issue that a change closed or reopened.

    Args:
        issue: as it is.
        change: what was changed.
        actor: who did it.
        at: when, UTC milliseconds.
        place: for whom.
        now: the issue's status is the one that this change made.

    Raises:
        Dropped: the change is another one, or the issue has no key.

    """
    status = next((item for item in change.items if item.field.lower() == "status"), None)
    resolution = next((item for item in change.items if item.field.lower() == "resolution"), None)
    if status is None and resolution is None:
        raise Dropped("ticket-not-news")
    state = _state(status, resolution, issue.fields.status.status_category.key if now else "")
    if not state:
        raise Dropped("status-not-news", status.to_string if status else "")
    why = resolution.to_string if resolution and state == "closed" else ""
    return _step(issue, state, change.id or str(at), actor.plain, at, place, sort=why)


def renumbered(
    issue: Issue, change: Change, actor: User, at: int, place: Place, *, done: bool
) -> tuple[Maker, ...]:
    """Return the makers of a move to another project.

    Its key is another from then on, so it ends under the old one. Another change has no such steps.

    Args:
        issue: as it is.
        change: what was changed.
        actor: who did it.
        at: when, UTC milliseconds.
        place: for whom.
        done: it was closed by then.

    """
    key = next((item for item in change.items if item.field.lower() == "key"), None)
    if key is None or not key.from_string or not key.to_string:
        return ()
    items = {item.field.lower() for item in change.items}
    # It was closed before, under the old key.
    if done and not items & {"status", "resolution"}:
        return ()
    project = next((item for item in change.items if item.field.lower() == "project"), Item())
    fields = msgspec.structs.replace(issue.fields, project=Named(name=project.from_string))
    old = msgspec.structs.replace(issue, key=key.from_string, fields=fields)
    new = msgspec.structs.replace(issue, key=key.to_string)
    once, name = change.id or str(at), actor.plain
    why = f"moved to {key.to_string}"
    end = partial(_step, old, "closed", f"{once}/moved", name, at, place, sort=why)
    begin = partial(_step, new, "opened", f"{once}/moved", name, at, place)
    return (end,) if done else (end, begin)


def secured(
    issue: Issue, change: Change, actor: User, at: int, place: Place, *, done: bool
) -> tuple[Maker, ...]:
    """Return the makers of a security level set or taken away.

    The row of an open issue that not everybody may see any more ends without its title. Another
    change has no such steps.

    Args:
        issue: as it is.
        change: what was changed.
        actor: who did it.
        at: when, UTC milliseconds.
        place: for whom.
        done: it was closed by then.

    """
    named = {item.field.lower(): item for item in change.items}
    level, once = named.get("security"), change.id or str(at)
    if level is None or (done and not named.keys() & {"status", "resolution"}):
        return ()
    was, now = (level.from_id or level.from_string), (level.to_id or level.to_string)
    # A move is told under its new key by `renumbered`.
    if was and not now and not done and "key" not in named:
        return (partial(_step, issue, "opened", once, actor.plain, at, place),)
    if was or not now:
        return ()
    fields, key = msgspec.structs.replace(issue.fields, summary="", security=None), issue.key
    # It was open under the key and the project that it had until then.
    if "key" in named:
        key = named["key"].from_string
        project = Named(name=named["project"].from_string if "project" in named else "")
        fields = msgspec.structs.replace(fields, project=project)
    bare = msgspec.structs.replace(issue, key=key, fields=fields)
    return (partial(_step, bare, "closed", once, actor.plain, at, place, sort="private"),)


def moved(issue: Issue, step: Transition, actor: User, at: int, place: Place) -> Event:
    """Make the event of a workflow's step that ends or reopens.

    Raises:
        Dropped: it did neither, or the issue has no key.

    """
    reopened = step.transition_name.lower().startswith(_REOPEN)
    state = "reopened" if reopened else _by_name(step.from_status, step.to_status)
    if not state:
        raise Dropped("status-not-news", step.to_status)
    return _step(issue, state, str(at), actor.plain, at, place)


def _state(status: Item | None, resolution: Item | None, category: str) -> str:
    # A resolution that is set or taken away decides, whatever the status is called.
    if resolution is not None:
        cleared = not (resolution.to_id or resolution.to_string)
        was_set = bool(resolution.from_id or resolution.from_string)
        if cleared and was_set:
            return "reopened"
        if not cleared and not was_set:
            return "closed"
        # From one resolution to another is no news, unless its status says so.
    if status is None:
        return ""
    if not category:
        return _by_name(status.from_string, status.to_string)
    # From one end to another is no news.
    if category == "done":
        return "" if is_done(status.from_string) else "closed"
    return _reopened(status.from_string, status.to_string)


def _by_name(old: str, new: str) -> str:
    if is_done(new):
        return "" if is_done(old) else "closed"
    return _reopened(old, new)


def _reopened(old: str, new: str) -> str:
    return "reopened" if is_done(old) or new.lower().startswith(_REOPEN) else ""


def _step(
    issue: Issue, state: str, once: str, actor: str, at: int, place: Place, *, sort: str = ""
) -> Event:
    fields, key = issue.fields, issue.key or issue.id
    if not key:
        raise Dropped("unnamed-ticket")
    if fields.security is not None:
        raise Dropped("confidential")
    base = _base(issue.address)
    # Its own address is where people and webhooks know it.
    if is_gateway(base):
        base = _base(place.source.text("site"))
    ticket = Ticket(
        identity=issue.id or issue.key,
        number=key,
        state=state,
        once=once,
        service=fields.project.name or fields.project.key or key.rpartition("-")[0],
        environment=place.source.environment,
        title=fields.summary,
        actor=actor,
        priority=fields.priority.name or fields.priority.key,
        sort=sort or ("" if state == "closed" else fields.issuetype.name or fields.issuetype.key),
        url=f"{base}/browse/{quote(key)}" if base else "",
        time=at,
    )
    return ticket_event(ticket, place.at(f"jira/{base.partition('://')[2].lower()}"))


def is_gateway(url: str) -> bool:
    """Tell whether an address is the one for tokens with scopes."""
    return url.lower().startswith(_GATEWAY)


def is_cloud(url: str) -> bool:
    """Tell Jira Cloud from Data Center by the address that is asked."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host.endswith(".atlassian.net") or is_gateway(url)


def _base(address: str) -> str:
    """Return the installation's address, from an issue's; it may be below a path."""
    try:
        parts = urlsplit(address.partition("/rest/")[0])
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
