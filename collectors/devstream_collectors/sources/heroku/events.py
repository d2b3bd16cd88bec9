"""Heroku's releases and builds as events. Webhook and API speak of the same objects, so both come through here and give the same keys.

Sources: https://devcenter.heroku.com/articles/platform-api-reference#release and #build,
https://devcenter.heroku.com/articles/app-webhooks-schema.
"""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import Loose, first, person, sha, when, word
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.run import Run, run_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

RELEASES = {"pending": "in_progress", "succeeded": "success", "failed": "failure", "expired": "error"}
BUILDS = {"pending": "running", "succeeded": "succeeded", "failed": "failed"}
_DEPLOYED = re.compile(r"(?:deploy|deployed)\s+(?P<revision>[0-9a-f]{7,64})", re.IGNORECASE)
_BEGINNINGS = ("initial release", "enable logplex")
"""Releases that Heroku makes with an app."""


class Named(msgspec.Struct, frozen=True):
    """An app or an account, as others refer to it."""

    id: Loose = ""
    name: Loose = ""
    email: Loose = ""


class Blob(msgspec.Struct, frozen=True):
    """What a build is made of."""

    version: Loose = ""
    version_description: Loose = ""


class Slug(msgspec.Struct, frozen=True):
    """What a build made."""

    commit: Loose = ""
    commit_description: Loose = ""


class Body(msgspec.Struct, frozen=True):
    """A release or a build, as the API gives them and webhooks hold them in `data`."""

    id: Loose = ""
    app: Named | None = None
    user: Named | None = None
    status: Loose = ""
    version: Loose = ""
    """Of a release: 1, 2, 3."""
    description: Loose = ""
    created_at: Loose = ""
    updated_at: Loose = ""
    source_blob: Blob | None = None
    slug: Slug | None = None
    output_stream_url: Loose = ""


def release(body: Body, source: SourceInfo, received: int, actor: str = "") -> Event:
    """A release in a state; `actor` is who did it when the release does not say.

    Raises:
        Dropped: it is none that the team made, or its state is no news.
        InvalidEventError: as `make_event`.

    """
    description, version = word(body.description), word(body.version)
    state = RELEASES.get(word(body.status).lower())
    if state is None:
        raise Dropped("release-not-news", word(body.status))
    if description.lower().startswith(_BEGINNINGS):
        raise Dropped("release-of-a-new-app", description)
    identity = word(body.id) or version
    if not identity:
        raise Dropped("release-without-id", description)
    app, slug = body.app or Named(), body.slug or Slug()
    match = _DEPLOYED.match(description)
    name, number = word(app.name), f"v{version}" if version else identity
    deploy = Deploy(
        id=number,
        state=state,
        place=name,
        ref=number if version else "",
        revision=sha(word(slug.commit)) or (match["revision"] if match else ""),
        actor=_who(body, actor),
        title=word(slug.commit_description) if match else description,
        reason="the release command failed" if state == "failure" else "",
        url=f"https://dashboard.heroku.com/apps/{name}/activity" if name else "",
        started=when(body.created_at),
        changed=when(body.created_at) if state == "in_progress" else when(body.updated_at) or when(body.created_at),
    )
    return deploy_event(deploy, source, scope=_scope(app, source), service=name, received=received)


def build(body: Body, source: SourceInfo, received: int, actor: str = "") -> Event:
    """A build in a state; the rest as `release`.

    Raises:
        Dropped: its state is no news.
        InvalidEventError: as `make_event`.

    """
    state = BUILDS.get(word(body.status).lower())
    if state is None:
        raise Dropped("build-not-news", word(body.status))
    identity = word(body.id)
    if not identity:
        raise Dropped("build-without-id")
    app, blob = body.app or Named(), body.source_blob or Blob()
    name, slug = word(app.name), body.slug or Slug()
    run = Run(
        pipeline="build",
        run=identity,
        state=state,
        revision=sha(first(blob.version, slug.commit)),
        actor=_who(body, actor),
        reason=first(blob.version_description, slug.commit_description),
        # Where its output is streams for a few minutes, and to whoever has the address: not for a line.
        url=f"https://dashboard.heroku.com/apps/{name}/activity/builds/{identity}" if name else "",
        started=when(body.created_at),
        changed=when(body.created_at) if state == "running" else when(body.updated_at) or when(body.created_at),
        kind=Kind.BUILD,
    )
    return run_event(run, source, scope=_scope(app, source), service=name, received=received)


def _scope(app: Named, source: SourceInfo) -> str:
    return f"heroku/{first(app.id, app.name) or source.name}"


def _who(body: Body, actor: str) -> str:
    return person(body.user.email) or actor if body.user else actor
