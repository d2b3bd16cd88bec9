"""Bitbucket, Cloud and Data Center: pushes, merged pull requests, builds (by commit status) and issues become events.

Sources: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/ and, for the signature,
https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/. What Data Center sends is read by `server.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from devstream_collectors.before.branches import sample_branch
from devstream_collectors.before.decoding import sha
from devstream_collectors.before.outcome import Dropped, together, tolerant
from devstream_collectors.before.place import Place, check_repository
from devstream_collectors.before.push import Push as Pushed
from devstream_collectors.before.push import push_event
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
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.bitbucket import poll as bitbucket_poll
from devstream_collectors.sources.bitbucket import server_poll as bitbucket_server_poll
from devstream_collectors.sources.bitbucket.events import (
    account,
    issue,
    merged,
    page,
    place_of,
    status,
    step_of,
)
from devstream_collectors.sources.bitbucket.payloads import (
    Change,
    Issue,
    Payload,
    Pull,
    Push,
    Status,
)
from devstream_collectors.sources.bitbucket.server import SERVER_EVENTS, event_of, normalise_server
from devstream_desktop.stream.event import Event

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

CLOUD = "https://api.bitbucket.org"
_EVENT = "x-event-key"
_SETUP = """\
Webhook: in the repository's Repository settings, Webhooks, Add webhook (Data Center: Create webhook):
  URL         the address of your receiver with the path that is printed behind it
  Secret      the text in the file that you give with --secret-file
  Triggers    Push, Build status created, Build status updated, Pull request merged, Issue created, Issue updated
Bitbucket Cloud posts only to addresses with a certificate that the world trusts. It never says which branch is the default: without
--branch these are main and master.
Polling, where it cannot reach this machine: --poll --repository WORKSPACE/REPOSITORY and --token-file with a repository access token
(repositories, pull requests, issues: read), or USER:PASSWORD. Data Center: add --url https://HOST; --repository is PROJECT/REPOSITORY."""

COLLECTOR = Collector(
    title="Bitbucket's webhooks, or its API polled: Cloud and Data Center",
    setup=_SETUP,
    options=(
        Option(
            "repository",
            "WORKSPACE/REPOSITORY (Data Center: PROJECT/REPOSITORY), for polling",
            needed="poll",
        ),
    ),
    webhook=Webhook(
        auth=(SignatureScheme(header="x-hub-signature"), Basic(), SecretPath()),
        headers=(_EVENT,),
        delivery_header="x-request-uuid",
    ),
    poll=Poll(url=CLOUD, auth=(Token(), Basic()), interval=60),
)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; whatever is in it."""
    body = delivery.body
    said = delivery.headers.get(_EVENT, "")
    if server := event_of(body) or (said if said in SERVER_EVENTS else ""):
        return normalise_server(server, body, source, delivery.received)
    name = said or _by_shape(body)
    if name in ("diagnostics:ping", "test"):
        raise Dropped("ping")
    place = place_of(msgspec.json.decode(body, type=Payload).repository, source, delivery.received)
    if name == "repo:push":
        return _push(body, place)
    read = _READERS.get(name)
    if read is None:
        raise Dropped(_reason(name), name)
    return Normalised((read(body, place),))


def check(source: SourceInfo) -> None:
    """What the option `repository` holds.

    Raises:
        ValueError: it is not a repository's name.

    """
    check_repository(source.text("repository"), "WORKSPACE/REPOSITORY, such as acme/shop")


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with: Bitbucket Cloud and Data Center have APIs that differ."""
    asks = bitbucket_poll.requests if _is_cloud(source) else bitbucket_server_poll.requests
    return asks(cursor, source, now)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    reads = bitbucket_poll.parse if _is_cloud(source) else bitbucket_server_poll.parse
    return reads(response, cursor, source)


def _is_cloud(source: SourceInfo) -> bool:
    return source.url == CLOUD


def sample(source: SourceInfo, now: int) -> Delivery:
    """A push as Bitbucket Cloud sends it, to the first branch that counts, for a test of the way it takes."""
    branch = sample_branch(source)
    new = {
        "type": "branch",
        "name": branch,
        "target": {"hash": "2" * 40, "message": "A test of this source"},
    }
    body = {
        "actor": {"nickname": "devstream"},
        "repository": {"name": "devstream-test", "full_name": "devstream/devstream-test"},
        "push": {
            "changes": [
                {
                    "new": new,
                    "old": {"type": "branch", "name": branch, "target": {"hash": "1" * 40}},
                }
            ]
        },
    }
    return Delivery({_EVENT: "repo:push"}, msgspec.json.encode(body), now)


class _Shape(msgspec.Struct, frozen=True):
    test: object = None
    push: object = None
    comment: object = None
    approval: object = None
    changes: object = None
    commit_status: object = None
    pullrequest: object = None
    issue: object = None


def _by_shape(body: bytes) -> str:
    """The event's name, for what came through something that keeps the body alone (a relay, a queue)."""
    shape = msgspec.json.decode(body, type=_Shape)
    if shape.issue is not None and shape.changes is not None:
        return "issue:updated"
    if shape.comment is not None:
        return "comment"
    if shape.approval is not None:
        return "pullrequest:approved"
    named = {
        "test": shape.test,
        "repo:push": shape.push,
        "repo:commit_status_updated": shape.commit_status,
        "pullrequest:updated": shape.pullrequest,
        "issue:created": shape.issue,
    }
    return next((name for name, there in named.items() if there is not None), "")


def _reason(name: str) -> str:
    if "comment" in name:
        return "comment"
    return "pull-request-not-merged" if name.startswith("pullrequest:") else "event-not-mapped"


def _push(body: bytes, place: Place) -> Normalised:
    push = msgspec.json.decode(body, type=Push)
    changes = push.push.changes or () if push.push else ()
    return together(
        [partial(_change, change, account(push.actor), place) for change in changes],
        nothing="no-change",
    )


def _change(change: Change, actor: str, place: Place) -> Event:
    ref = change.new or change.old
    if ref is None or ref.type == "tag":
        raise Dropped("not-a-branch", ref.name or "" if ref else "")
    new, old = change.new.target if change.new else None, change.old.target if change.old else None
    pushed = Pushed(
        branch=ref.name or "",
        before=sha(old.hash) if old else "",
        after=sha(new.hash) if new else "",
        forced=bool(change.forced),
        actor=actor,
        title=new.message or "" if new else "",
        count=len(change.commits or ()),
        url=page(change.links),
    )
    return push_event(pushed, place)


def _fulfilled(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Pull)
    if payload.pullrequest is None:
        raise Dropped("unexpected-shape", "no pullrequest")
    return merged(payload.pullrequest, account(payload.actor), place)


def _updated(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Pull)
    if payload.pullrequest is None or payload.pullrequest.state != "MERGED":
        raise Dropped("pull-request-not-merged")
    return merged(payload.pullrequest, account(payload.actor), place)


def _status(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Status)
    if payload.commit_status is None:
        raise Dropped("unexpected-shape", "no commit_status")
    return status(payload.commit_status, account(payload.actor), place)


def _issue_created(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Issue)
    if payload.issue is None:
        raise Dropped("unexpected-shape", "no issue")
    return issue(payload.issue, "opened", account(payload.actor), place)


def _issue_updated(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Issue)
    state = step_of(payload.changes)
    if payload.issue is None or not state:
        raise Dropped("issue-not-news")
    return issue(payload.issue, state, account(payload.actor), place)


_READERS: dict[str, Callable[[bytes, Place], Event]] = {
    "pullrequest:fulfilled": _fulfilled,
    "pullrequest:updated": _updated,
    "repo:commit_status_created": _status,
    "repo:commit_status_updated": _status,
    "issue:created": _issue_created,
    "issue:updated": _issue_updated,
}
