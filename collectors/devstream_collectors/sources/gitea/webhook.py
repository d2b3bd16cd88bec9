"""Gitea, Forgejo and Gogs: pushes, merged pull requests, runs of Actions and issues become events.

Sources: https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/ and for the signature Gitea's
services/webhook/deliver.go: without a secret its headers are there and empty, and of a form the signature is over its `payload`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from devstream_collectors.before.branches import HEADS, sample_branch
from devstream_collectors.before.decoding import sha
from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.before.place import Place, check_repository
from devstream_collectors.before.push import Push as Pushed
from devstream_collectors.before.push import push_event
from devstream_collectors.contract import (
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SignatureScheme,
    SourceInfo,
    Webhook,
)
from devstream_collectors.sources.gitea.events import (
    RUN_STATES,
    account,
    issue,
    merged,
    place_of,
    run,
)
from devstream_collectors.sources.gitea.payloads import Issue, Payload, Pull, Push, Reference, Run
from devstream_collectors.sources.gitea.poll import parse, requests
from devstream_desktop.stream.event import Event

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_EVENTS = ("x-gitea-event", "x-forgejo-event", "x-gogs-event", "x-github-event")
_SETUP = """\
Webhook: in the repository's or organisation's Settings, Webhooks, Add Webhook (Gitea, Forgejo or Gogs):
  Target URL     the address of your receiver with the path that is printed behind it
  Content type   application/json
  Secret         the text in the file that you give with --secret-file
  Trigger on     Push, Create, Delete, Pull Request, Issues, Workflow Run or Action Run
Gitea and Forgejo refuse private addresses until app.ini allows them: [webhook] ALLOWED_HOST_LIST = private (or the receiver's name).
Polling, where the forge cannot reach this machine: --poll --url https://HOST --repository OWNER/NAME and, for a private repository,
--token-file with an access token that may read repository and issue."""

COLLECTOR = Collector(
    title="Gitea's, Forgejo's and Gogs' webhooks, or their API polled",
    setup=_SETUP,
    options=(Option("repository", "OWNER/NAME, for polling", needed="poll"),),
    webhook=Webhook(
        auth=(
            SignatureScheme(header="x-gitea-signature", form="bare"),
            SignatureScheme(header="x-gitea-signature", form="bare", over="payload"),
            SignatureScheme(header="x-forgejo-signature", form="bare"),
            SignatureScheme(header="x-gogs-signature", form="bare"),
        ),
        headers=_EVENTS,
        delivery_header="x-gitea-delivery",
    ),
    poll=Poll(),
)

_ISSUE_ACTIONS = frozenset({"opened", "reopened", "closed"})


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; whatever is in it."""
    name = next(
        (said for header in _EVENTS if (said := delivery.headers.get(header))), ""
    ) or _by_shape(delivery.body)
    read = _READERS.get(name) or (_action_run if name.startswith("action_run_") else None)
    if read is None:
        raise Dropped("comment" if name.endswith("comment") else "event-not-mapped", name)
    repository = msgspec.json.decode(delivery.body, type=Payload).repository
    return Normalised((read(delivery.body, place_of(repository, source, delivery.received)),))


def check(source: SourceInfo) -> None:
    """What the option `repository` holds.

    Raises:
        ValueError: it is not a repository's name.

    """
    check_repository(source.text("repository"), "OWNER/NAME, such as acme/shop")


def sample(source: SourceInfo, now: int) -> Delivery:
    """A push as Gitea sends it, to the first branch that counts, for a test of the way it takes."""
    branch = sample_branch(source)
    body = {
        "ref": HEADS + branch,
        "before": "1" * 40,
        "after": "2" * 40,
        "commits": [{"id": "2" * 40, "message": "A test of this source"}],
        "repository": {
            "name": "devstream-test",
            "html_url": "https://gitea.example.org/devstream/devstream-test",
            "default_branch": branch,
        },
        "pusher": {"login": "devstream"},
    }
    return Delivery({"x-gitea-event": "push"}, msgspec.json.encode(body), now)


class _Shape(msgspec.Struct, frozen=True):
    before: object = None
    pull_request: object = None
    issue: object = None
    comment: object = None
    review: object = None
    ref_type: object = None
    sha: object = None
    workflow_run: object = None


def _by_shape(body: bytes) -> str:
    """The event's name, for what came through something that keeps the body alone (a relay, a queue)."""
    shape = msgspec.json.decode(body, type=_Shape)
    if shape.comment is not None:
        return "comment"
    if shape.ref_type is not None:
        return "create" if shape.sha is not None else "delete"
    named = {
        "push": shape.before,
        "pull_request": shape.pull_request,
        "issues": shape.issue,
        "workflow_run": shape.workflow_run,
    }
    return next((name for name, there in named.items() if there is not None), "")


def _push(body: bytes, place: Place) -> Event:
    push = msgspec.json.decode(body, type=Push)
    if not (push.ref or "").startswith(HEADS):
        raise Dropped("not-a-branch", push.ref or "")
    before, after, commits = sha(push.before), sha(push.after), push.commits or []
    # The newest is first; Gogs' and old Gitea's have no `head_commit`.
    head = push.head_commit or next(
        (commit for commit in commits if commit.id == after), commits[0] if commits else None
    )
    pushed = Pushed(
        branch=push.ref or "",
        before=before,
        after=after,
        actor=account(push.pusher, push.sender),
        title=head.message or "" if head else "",
        count=max(push.total_commits or 0, len(commits)),
        url=push.compare_url or "",
    )
    return push_event(pushed, place)


def _reference(body: bytes, place: Place) -> Event:
    made = msgspec.json.decode(body, type=Reference)
    if made.ref_type != "branch":
        raise Dropped("not-a-branch", made.ref or "")
    once = made.repository.updated_at or "" if made.repository else ""
    return push_event(
        Pushed(made.ref or "", "", sha(made.sha), actor=account(made.sender), once=once), place
    )


def _pull_request(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Pull)
    pull = payload.pull_request
    if pull is None or payload.action != "closed":
        raise Dropped("pull-request-not-closed", payload.action or "")
    if not pull.merged:
        raise Dropped("pull-request-not-merged")
    return merged(pull, payload.number, account(payload.sender), place)


def _issues(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Issue)
    if (
        payload.issue is None
        or payload.action not in _ISSUE_ACTIONS
        or payload.issue.pull_request is not None
    ):
        raise Dropped("issue-not-news", payload.action or "")
    return issue(
        payload.issue, payload.number, payload.action or "", account(payload.sender), place
    )


def _workflow_run(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Run)
    found = payload.workflow_run
    if found is None:
        raise Dropped("unexpected-shape", "no workflow_run")
    said = (found.conclusion if payload.action == "completed" else payload.action) or ""
    if said not in RUN_STATES:
        raise Dropped("run-not-news", said)
    return run(
        found,
        RUN_STATES[said],
        payload.workflow.name or "" if payload.workflow else "",
        account(payload.sender),
        place,
    )


def _action_run(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Run)
    found = payload.run
    if found is None:
        raise Dropped("unexpected-shape", "no run")
    # `recover` is a success after a failure; the stream finds that out by itself.
    said = found.status or {"recover": "success"}.get(payload.action or "", payload.action or "")
    if said not in RUN_STATES:
        raise Dropped("run-not-news", said)
    place = (
        place
        if payload.repository or not found.repository
        else place_of(found.repository, place.source, place.received)
    )
    return run(found, RUN_STATES[said], "", account(payload.sender), place)


_READERS: dict[str, Callable[[bytes, Place], Event]] = {
    "push": _push,
    "create": _reference,
    "delete": _reference,
    "pull_request": _pull_request,
    "issues": _issues,
    "workflow_run": _workflow_run,
}
