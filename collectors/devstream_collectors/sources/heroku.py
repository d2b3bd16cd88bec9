"""Heroku: releases and builds of apps, by webhook or from its API.

Sources: https://devcenter.heroku.com/articles/app-webhooks,
https://devcenter.heroku.com/articles/app-webhooks-schema and
https://devcenter.heroku.com/articles/platform-api-reference#release and #build. Webhook and API
speak of the same objects, so both give the same keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import (
    Collector,
    Delivery,
    Option,
    Poll,
    Polled,
    Request,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.decoding import Part, Text, Time, decode, iso, person, sha, whole
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, ask, older
from devstream_collectors.kit.run import Run, run_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

_SETUP = """\
Webhook, for each app:
  heroku webhooks:add -a APP -i api:release api:build -l sync -s SECRET -u URL
with the text in the file that you give with --secret-file as SECRET, and as URL the address of \
your receiver with the path that is printed behind it. Heroku posts to https only.
Polling, where Heroku cannot reach this machine: --poll --app APP ..., --token-file with a token \
that may read (heroku authorizations:create -s read-protected)."""

COLLECTOR = Collector(
    title="Heroku's app webhooks, or its API polled",
    setup=_SETUP,
    kinds=(Kind.DEPLOY, Kind.BUILD),
    options=(Option("app", "the names of the apps, for polling", kind="list", needed="poll"),),
    webhook=Webhook(
        auth=(
            SignatureScheme(header="heroku-webhook-hmac-sha256", form="bare", encoding="base64"),
            Token(prefix=""),  # what `webhooks:add -t` sends as Authorization, as it is
            Token(),
            SecretPath(),
        ),
    ),
    poll=Poll(url="https://api.heroku.com", needs_token=True),
)
MAX_APPS = 50
PAGE = 10
MORE = 50
"""Of a further page: all of the first is new."""
_ACCEPT = "application/vnd.heroku+json; version=3"
_APP = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_RELEASES = {
    "pending": "in_progress",
    "succeeded": "success",
    "failed": "failure",
    "expired": "error",
}
_BUILDS = {"pending": "running", "succeeded": "succeeded", "failed": "failed"}
_DEPLOYED = re.compile(r"(?:deploy|deployed)\s+(?P<revision>[0-9a-f]{7,64})", re.IGNORECASE)
_MAX = re.compile(r"max=\d+")
_BEGINNINGS = ("initial release", "enable logplex")
"""Releases that Heroku makes with an app."""


class _Named(msgspec.Struct, frozen=True):
    """An app or an account, as others refer to it."""

    id: Text = ""
    name: Text = ""
    email: Text = ""


class _Blob(msgspec.Struct, frozen=True):
    """The source of a build."""

    version: Text = ""
    version_description: Text = ""


class _Slug(msgspec.Struct, frozen=True):
    """The product of a build."""

    commit: Text = ""
    commit_description: Text = ""


class _Body(msgspec.Struct, frozen=True):
    """A release or a build. Webhooks hold it in `data`."""

    id: Text = ""
    app: Part[_Named] = _Named()
    user: Part[_Named] = _Named()
    status: Text = ""
    version: Text = ""
    """Of a release: 1, 2, 3."""
    description: Text = ""
    created_at: Time = 0
    updated_at: Time = 0
    source_blob: Part[_Blob] = _Blob()
    slug: Part[_Slug] = _Slug()


class _Posted(msgspec.Struct, frozen=True):
    resource: Text = ""
    action: Text = ""
    actor: Part[_Named] = _Named()
    data: _Body | None = None


class _Cursor(msgspec.Struct, frozen=True):
    """Of each app's releases and builds on the page last seen: id and status."""

    release: dict[str, dict[str, str]] = {}
    build: dict[str, dict[str, str]] = {}
    released: dict[str, int] = {}
    """The version of each app's newest release."""
    built: dict[str, int] = {}
    """The begin of each app's newest build, UTC milliseconds."""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    posted = decode(delivery.body, _Posted)
    resource = posted.resource.lower()
    read = _READERS.get(resource)
    if read is None or posted.data is None:
        raise Dropped("event-not-mapped", f"{resource} {posted.action}")
    return read(posted.data, Place(source, delivery.received), person(posted.actor.email))


def check(source: SourceInfo) -> None:
    """Check the option `app`.

    Raises:
        ValueError: one is no app's name, or there are too many.

    """
    apps = source.many("app")
    if len(apps) > MAX_APPS or not all(_APP.fullmatch(app) for app in apps):
        raise ValueError(f"app must be at most {MAX_APPS} names of apps, such as acme-shop")


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the release that a test of the source sends."""
    data = {
        "id": f"devstream-{now}",
        "version": 1,
        "status": "succeeded",
        "description": "Deploy 2222222",
        "app": {"id": "devstream-test", "name": "devstream-test"},
        "user": {"email": "devstream@example.org"},
        "created_at": iso(now),
        "updated_at": iso(now),
    }
    body = {"resource": "release", "action": "create", "data": data}
    return Delivery({}, msgspec.json.encode(body), now)


def _release(body: _Body, place: Place, actor: str = "") -> Event:
    """Make the event of a release; `actor` did it when the release does not say who."""
    description, version, name = body.description, body.version, body.app.name
    state = _RELEASES.get(body.status.lower())
    if state is None:
        raise Dropped("release-not-news", body.status)
    if description.lower().startswith(_BEGINNINGS):
        raise Dropped("release-of-a-new-app", description)
    number = f"v{version}" if version else body.id
    if not number:
        raise Dropped("release-without-id", description)
    match, begun = _DEPLOYED.match(description), state == "in_progress"
    deploy = Deploy(
        id=number,
        state=state,
        target=name,
        ref=number if version else "",
        revision=sha(body.slug.commit) or (match["revision"] if match else ""),
        actor=person(body.user.email) or actor,
        # `Deploy 1a2b3c4` repeats the revision; `Set FOO config vars` says what was done.
        title=body.slug.commit_description if match else description,
        reason="the release command failed" if state == "failure" else "",
        url=f"https://dashboard.heroku.com/apps/{name}/activity" if name else "",
        started=body.created_at,
        changed=body.created_at if begun else body.updated_at or body.created_at,
    )
    return deploy_event(deploy, _place(body, place))


def _build(body: _Body, place: Place, actor: str = "") -> Event:
    """Make the event of a build; `actor` did it when the build does not say who."""
    state = _BUILDS.get(body.status.lower())
    if state is None:
        raise Dropped("build-not-news", body.status)
    if not body.id:
        raise Dropped("build-without-id")
    name, blob, slug = body.app.name, body.source_blob, body.slug
    run = Run(
        pipeline="build",
        run=body.id,
        state=state,
        revision=sha(blob.version or slug.commit),
        actor=person(body.user.email) or actor,
        reason=blob.version_description or slug.commit_description,
        # The address of its output streams for a few minutes, and to whoever has it: not for a
        # line.
        url=f"https://dashboard.heroku.com/apps/{name}/activity/builds/{body.id}" if name else "",
        started=body.created_at,
        changed=body.created_at if state == "running" else body.updated_at or body.created_at,
        kind=Kind.BUILD,
    )
    return run_event(run, _place(body, place))


def _place(body: _Body, place: Place) -> Place:
    app = body.app
    return place.at(f"heroku/{app.id or app.name or place.source.name}", app.name)


_READERS: dict[str, Callable[[_Body, Place, str], Event]] = {"release": _release, "build": _build}

poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    for app in source.many("app"):
        for name, order in (("release", "version"), ("build", "started_at")):
            yield _ask(Step(name, app), f"{order} ..; order=desc, max={PAGE}")


@poller.answer("release", "build")
def _listed(answer: Answer[_Cursor]) -> Polled:
    name, app, known, step = answer.step.name, answer.step.of, answer.known, answer.step
    released = name == "release"
    seen, newest = (known.release, known.released) if released else (known.build, known.built)
    bodies = answer.decode(list[_Body])
    # What was known before the first page.
    mark = int(step.old or newest.get(app, 0))
    places = [whole(body.version) if released else body.created_at for body in bodies]
    if step.count > 1:
        now = seen.get(app, {})
        fresh = [body for body, place in zip(bodies, places, strict=True) if place > mark]
    else:
        before, now = seen.get(app, {}), {body.id[:18]: body.status[:20] for body in bodies}
        fresh = [body for body in bodies if before.get(body.id[:18]) != body.status[:20]]
    makers = [partial(_READERS[name], body, answer.place(), "") for body in reversed(fresh)]
    # Only at first contact, and where little happens, the first page is all.
    following = _MAX.sub(f"max={MORE}", answer.response.headers.get("next-range", ""))
    last = places[-1] if places else 0
    more, gap = older(
        replace(answer, step=msgspec.structs.replace(step, old=str(mark))),
        what=f"{name}s of {app}",
        full=bool(following),
        all_new=0 < mark < last,
        page=lambda step: _ask(step, following),
        since=0 if released else mark,
        until=bodies[-1].created_at if bodies else 0,
        # An app's releases are numbered without a hole.
        unread=last - mark - 1 if released else -1,
    )
    asked = answer.source.many("app")
    kept = {app: states for app, states in seen.items() if app in asked} | {app: now}
    marks = {app: at for app, at in newest.items() if app in asked}
    marks |= {app: max([mark, newest.get(app, 0), *places])}
    if released:
        return answer.polled(makers, more, gap, release=kept, released=marks)
    return answer.polled(makers, more, gap, build=kept, built=marks)


def _ask(step: Step, newest: str) -> Request:
    """Ask for releases or builds of an app, the newest first.

    https://devcenter.heroku.com/articles/platform-api-reference#ranges
    """
    request = ask(f"/apps/{quote(step.of)}/{step.name}s", step)
    return replace(request, accept=_ACCEPT, headers={"range": newest})
