"""The parts of Jira's webhooks and of its API that we read.

From https://developer.atlassian.com/server/jira/platform/webhooks/ and https://developer.atlassian.com/cloud/jira/platform/webhooks/.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Loose


class User(msgspec.Struct, frozen=True, rename="camel"):
    """An account; Cloud says no user name, and an old version nothing but it."""

    display_name: Loose = ""
    name: Loose = ""


class Named(msgspec.Struct, frozen=True):
    """A type, a priority, a project or a category of statuses."""

    name: Loose = ""
    key: Loose = ""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """A status; its category is `new`, `indeterminate` or `done`."""

    name: Loose = ""
    status_category: Named | None = None


class Fields(msgspec.Struct, frozen=True):
    """Of an issue."""

    summary: Loose = ""
    issuetype: Named | None = None
    priority: Named | None = None
    project: Named | None = None
    status: Status | None = None
    resolution: Named | None = None
    creator: User | None = None
    reporter: User | None = None
    created: Loose = ""
    updated: Loose = ""


class Item(msgspec.Struct, frozen=True, rename="camel"):
    """One field that was changed; `to` and `from` are ids, the others names."""

    field: Loose = ""
    from_id: Loose = msgspec.field(default="", name="from")
    from_string: Loose = ""
    to_id: Loose = msgspec.field(default="", name="to")
    to_string: Loose = ""


class Change(msgspec.Struct, frozen=True):
    """What was changed at once: the webhook's `changelog`, and an entry of the API's history."""

    id: Loose = ""
    created: Loose = ""
    author: User | None = None
    items: list[Item | None] | None = None


class Changelog(msgspec.Struct, frozen=True):
    """All changes of an issue, in an answer of the API."""

    histories: list[Change | None] | None = None


class Issue(msgspec.Struct, frozen=True):
    """An issue."""

    id: Loose = ""
    key: Loose = ""
    address: Loose = msgspec.field(default="", name="self")
    """Its address in the API."""
    fields: Fields | None = None
    changelog: Changelog | None = None


class Transition(msgspec.Struct, frozen=True, rename="camel"):
    """Of the webhook that is a step of a workflow."""

    transition_name: Loose = ""
    from_status: Loose = msgspec.field(default="", name="from_status")
    to_status: Loose = msgspec.field(default="", name="to_status")


class Payload(msgspec.Struct, frozen=True, rename="camel"):
    """What is posted."""

    webhook_event: Loose = ""
    issue_event_type_name: Loose = msgspec.field(default="", name="issue_event_type_name")
    """Of an `issue_updated`, what sort of update."""
    timestamp: Loose = 0
    user: User | None = None
    issue: Issue | None = None
    changelog: Change | None = None
    transition: Transition | None = None
