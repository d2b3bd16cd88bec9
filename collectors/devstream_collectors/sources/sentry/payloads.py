"""The parts of Sentry's webhooks and of its API that we read.

From https://docs.sentry.io/organization/integrations/integration-platform/webhooks/ and https://docs.sentry.io/api/events/. Self-hosted
installations lag by years, so every field may be missing, null, or spelt otherwise.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Loose


class Actor(msgspec.Struct, frozen=True):
    """Who did it; `type` is `user` or `application`, the latter for Sentry itself and for integrations."""

    type: Loose = ""
    name: Loose = ""


class Project(msgspec.Struct, frozen=True):
    """The project of an issue."""

    id: Loose = ""
    slug: Loose = ""
    name: Loose = ""


class Issue(msgspec.Struct, frozen=True, rename="camel"):
    """An issue: a group of errors that are the same, in a webhook and in the API."""

    id: Loose = ""
    short_id: Loose = ""
    title: Loose = ""
    culprit: Loose = ""
    level: Loose = ""
    status: Loose = ""
    substatus: Loose = ""
    count: Loose = ""
    first_seen: Loose = ""
    last_seen: Loose = ""
    permalink: Loose = ""
    web_url: Loose = msgspec.field(default="", name="web_url")
    project: Project | None = None


class Event(msgspec.Struct, frozen=True):
    """One occurrence of an error."""

    event_id: Loose = ""
    issue_id: Loose = ""
    project: object = None
    """A number here, a name there; the project's name is in `url`."""
    title: Loose = ""
    message: Loose = ""
    culprit: Loose = ""
    level: Loose = ""
    environment: Loose = ""
    release: Loose = ""
    datetime: Loose = ""
    timestamp: Loose = ""
    url: Loose = ""
    web_url: Loose = ""
    issue_url: Loose = ""
    tags: object = None
    """A list of pairs here, of objects there."""


class Rule(msgspec.Struct, frozen=True):
    """The rule of a metric alert."""

    id: Loose = ""
    name: Loose = ""
    environment: Loose = ""
    projects: object = None


class MetricAlert(msgspec.Struct, frozen=True):
    """A metric alert: one run of its rule."""

    id: Loose = ""
    identifier: Loose = ""
    title: Loose = ""
    date_started: Loose = ""
    date_closed: Loose = ""
    date_detected: Loose = ""
    alert_rule: Rule | None = None
    projects: object = None


class Data(msgspec.Struct, frozen=True):
    """What a webhook is about: one of these."""

    issue: Issue | None = None
    event: Event | None = None
    metric_alert: MetricAlert | None = None
    error: Event | None = None
    triggered_rule: Loose = ""
    description_text: Loose = ""
    description_title: Loose = ""
    web_url: Loose = ""


class Payload(msgspec.Struct, frozen=True):
    """What is posted by an integration; the fields below `data` are those of the older webhook plugin."""

    action: Loose = ""
    actor: Actor | None = None
    data: Data | None = None
    id: Loose = ""
    project: Loose = ""
    project_name: Loose = ""
    project_slug: Loose = ""
    level: Loose = ""
    culprit: Loose = ""
    message: Loose = ""
    url: Loose = ""
    event: Event | None = None
