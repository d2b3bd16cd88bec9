"""Heroku: releases and builds of apps, by webhook or from its API.

Sources: https://devcenter.heroku.com/articles/app-webhooks, https://devcenter.heroku.com/articles/platform-api-reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import (
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    Polled,
    Request,
    Response,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.decoding import Loose, iso, person, word
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.polling import Step, polled, step_of
from devstream_collectors.sources.heroku.events import Body, Named, build, release
from devstream_desktop.stream.event import Event

_SETUP = """\
Webhook, for each app:
  heroku webhooks:add -a APP -i api:release api:build -l sync -s SECRET -u URL
with the text in the file that you give with --secret-file as SECRET, and as URL the address of your receiver with the path that is printed
behind it. Heroku posts to https only.
Polling, where Heroku cannot reach this machine: --poll --app APP ..., --token-file with a token that may read (heroku
authorizations:create -s read-protected)."""

COLLECTOR = Collector(
    title="Heroku's app webhooks, or its API polled",
    setup=_SETUP,
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
_ACCEPT = "application/vnd.heroku+json; version=3"
_APP = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_Reader = Callable[[Body, SourceInfo, int, str], Event]
_READERS: dict[str, _Reader] = {"release": release, "build": build}


class _Posted(msgspec.Struct, frozen=True):
    resource: Loose = ""
    action: Loose = ""
    actor: Named | None = None
    data: Body | None = None


class _Cursor(msgspec.Struct, frozen=True):
    """Of each app's releases and builds on the page last seen: id and status."""

    release: dict[str, dict[str, str]] = {}
    build: dict[str, dict[str, str]] = {}


_cursor = msgspec.json.Decoder(_Cursor)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    posted = msgspec.json.decode(delivery.body, type=_Posted)
    resource = word(posted.resource).lower()
    read = _READERS.get(resource)
    if read is None or posted.data is None:
        raise Dropped("event-not-mapped", f"{resource} {word(posted.action)}")
    actor = person(posted.actor.email) if posted.actor else ""
    return Normalised((read(posted.data, source, delivery.received, actor),))


def check(source: SourceInfo) -> None:
    """What the option `app` holds.

    Raises:
        ValueError: one is no app's name, or there are too many.

    """
    apps = source.many("app")
    if len(apps) > MAX_APPS or not all(_APP.fullmatch(app) for app in apps):
        raise ValueError(f"app must be at most {MAX_APPS} names of apps, such as acme-shop")


def sample(source: SourceInfo, now: int) -> Delivery:
    """A release that succeeded."""
    del source
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
    return Delivery({}, msgspec.json.encode({"resource": "release", "action": "create", "data": data}), now)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """The newest releases and builds of each app."""
    del cursor, now
    return tuple(
        Request(
            f"/apps/{quote(app)}/{path}",
            tag=msgspec.json.encode(Step(name, app)).decode(),
            accept=_ACCEPT,
            headers={"range": f"{order} ..; order=desc, max={PAGE}"},
        )
        for app in source.many("app")
        for name, path, order in (("release", "releases", "version"), ("build", "builds", "started_at"))
    )


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """The events of what is in another state than when last seen.

    Raises:
        ValueError: it is not what Heroku's API answers.

    """
    known, step = _cursor.decode(cursor) if cursor else _Cursor(), step_of(response)
    bodies = msgspec.json.decode(response.body, type=list[Body])[:PAGE]
    seen = known.release if step.name == "release" else known.build
    before, read = seen.get(step.of, {}), _READERS[step.name]
    now = {word(body.id)[:18]: word(body.status)[:20] for body in bodies}
    fresh = [body for body in bodies if before.get(word(body.id)[:18]) != word(body.status)[:20]]
    makers = [partial(read, body, source, response.received, "") for body in reversed(fresh)]
    kept = {app: states for app, states in seen.items() if app in source.many("app")} | {step.of: now}
    changed = {"release": kept} if step.name == "release" else {"build": kept}
    return polled(msgspec.structs.replace(known, **changed), makers)
