"""Argo CD: what it syncs, and whether that is healthy, by its notifications or from its API.

Sources: https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/ (a webhook's body is a template of the
team's own, so the one to use is printed with the help), https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote, urlencode

import msgspec

from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    Polled,
    Request,
    Response,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.decoding import Loose, first, iso, word
from devstream_collectors.kit.outcome import Dropped, gathered, together, tolerant
from devstream_collectors.sources.argocd.events import Application, told
from devstream_desktop.stream.event import Event

_SETUP = """\
Webhook: in the ConfigMap argocd-notifications-cm, with URL the address of your receiver and the path that is printed behind it, and TOKEN
the text in the file that you give with --secret-file (leave the headers out without one: then the path is the secret):
  service.webhook.devstream: |
    url: URL
    headers: [{name: Authorization, value: Bearer TOKEN}, {name: Content-Type, value: application/json}]
  template.devstream: |
    webhook:
      devstream:
        method: POST
        body: |
          {"app": {{toJson .app}}, "url": "{{.context.argocdUrl}}/applications/{{.app.metadata.namespace}}/{{.app.metadata.name}}"}
  trigger.devstream: |
    - {when: app.status.operationState.phase in ['Running'], send: [devstream]}
    - {when: app.status.operationState.phase in ['Error', 'Failed'], send: [devstream]}
    - {when: app.status.operationState.phase in ['Succeeded'] and app.status.health.status == 'Healthy', send: [devstream]}
    - {when: app.status.health.status == 'Degraded', send: [devstream]}
and on each application the annotation notifications.argoproj.io/subscribe.devstream.devstream: "".
Polling: --poll --url https://ARGOCD --token-file with the token of an account that may get applications; --project or --selector for some.
The environment is the application's label env or environment, else --environment, else the namespace it is deployed to."""

COLLECTOR = Collector(
    title="Argo CD's notifications, or its API polled",
    setup=_SETUP,
    options=(
        Option("project", "only the applications of this project, for polling"),
        Option("selector", "only the applications with these labels, as team=shop, for polling"),
    ),
    webhook=Webhook(auth=(Token(), Basic(), SecretPath())),
    poll=Poll(needs_token=True),
)
MAX_APPLICATIONS = 1200
_FIELDS = ",".join(
    f"items.{field}"
    for field in (
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels",
        "spec.destination",
        "spec.source",
        "spec.sources",
        "status.health",
        "status.history",
        "status.operationState",
        "status.sync",
    )
)


class _Posted(msgspec.Struct, frozen=True):
    app: Application | None = None
    url: Loose = ""
    kind: Loose = ""


class _List(msgspec.Struct, frozen=True):
    items: list[Application] | None = None


class _Cursor(msgspec.Struct, frozen=True):
    """Of each application (by a short hash of what it is) a hash of its deploy and its health as last told."""

    seen: dict[str, tuple[str, str]] = {}
    asked: bool = True


_cursor = msgspec.json.Decoder(_Cursor)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one notification, or the name of why there are none."""
    posted = msgspec.json.decode(delivery.body, type=_Posted)
    app = posted.app
    if app is None:
        if word(posted.kind).lower() != "application":
            raise Dropped("not-an-application", 'the body\'s template must hold "app": {{toJson .app}}')
        app = msgspec.json.decode(delivery.body, type=Application)
    found = told(app, source, delivery.received, word(posted.url) or _page(app, source))
    events = together(found.makers, nothing="no-operation").events
    # A pod that restarts ends like an incident does, and a notification does not say which it was: a row that is red turns green, unsaid.
    return Normalised(tuple(msgspec.structs.replace(event, quiet=True) if event.state == "resolved" else event for event in events))


def sample(source: SourceInfo, now: int) -> Delivery:
    """An application that was synced and is healthy."""
    del source
    app = {
        "metadata": {"name": "devstream-test", "namespace": "argocd", "uid": "devstream-test"},
        "spec": {"destination": {"namespace": "devstream-test"}, "source": {"targetRevision": "main"}},
        "status": {
            "health": {"status": "Healthy"},
            "operationState": {
                "phase": "Succeeded",
                "startedAt": iso(now - 1000),
                "finishedAt": iso(now),
                "syncResult": {"revision": "2" * 40},
                "operation": {"initiatedBy": {"username": "devstream"}},
            },
        },
    }
    return Delivery({}, msgspec.json.encode({"app": app}), now)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """All applications that the account may see, of each what makes lines."""
    del cursor, now
    query = {"fields": _FIELDS, "projects": source.text("project"), "selector": source.text("selector")}
    return (Request(f"/api/v1/applications?{urlencode({name: value for name, value in query.items() if value})}"),)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """The events of applications that say something else than when last seen.

    Raises:
        ValueError: it is not what Argo CD's API answers.

    """
    known = _cursor.decode(cursor) if cursor else _Cursor()
    items = msgspec.json.decode(response.body, type=_List).items or []
    events: list[Event] = []
    dropped: dict[str, int] = {}
    seen: dict[str, tuple[str, str]] = {}
    if len(items) > MAX_APPLICATIONS:
        dropped["too-many-applications"] = len(items) - MAX_APPLICATIONS
    for app in items[:MAX_APPLICATIONS]:
        try:
            found = told(app, source, response.received, _page(app, source))
        except Dropped as drop:
            dropped[drop.reason] = dropped.get(drop.reason, 0) + 1
            continue
        place = _short(found.place.encode())
        deploy, health = known.seen.get(place, ("", ""))
        was_bad = health.startswith("!")
        now_bad = found.health.startswith("firing")
        mark = f"!{_short(found.health.encode())}" if now_bad else ""
        makers = list(found.makers[:1]) if _short(found.deploy.encode()) != deploy else []
        # Nobody needs to hear that what was healthy is healthy.
        if (now_bad and mark != health) or (was_bad and found.health.startswith("resolved")):
            makers += found.makers[1:]
        elif was_bad and not found.health:
            mark = health  # it is between the two, or an operation is under way
        made, reasons, _ = gathered(makers)
        events += made
        for reason, count in reasons.items():
            dropped[reason] = dropped.get(reason, 0) + count
        seen[place] = _short(found.deploy.encode()), mark
    return Polled(tuple(events), msgspec.json.encode(_Cursor(seen)), dropped=dropped)


def _page(app: Application, source: SourceInfo) -> str:
    metadata = app.metadata
    if metadata is None or not source.url:
        return ""
    path = "/".join(quote(text, safe="") for text in (first(metadata.namespace), first(metadata.name)) if text)
    return f"{source.url}/applications/{path}"


def _short(text: bytes) -> str:
    return sha256(text).hexdigest()[:10]
