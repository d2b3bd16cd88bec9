"""GitHub: pushes, merged pull requests, workflow runs, deployments and issues become events, by webhook or from its API.

Sources: https://docs.github.com/en/webhooks/webhook-events-and-payloads and, for the signature,
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from devstream_collectors.before.branches import HEADS, sample_branch
from devstream_collectors.before.decoding import sha
from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.before.place import Place
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
from devstream_collectors.sources.github.events import (
    CONCLUSIONS,
    deployment,
    login,
    merged,
    place_of,
    run,
    ticket,
)
from devstream_collectors.sources.github.payloads import (
    DeploymentStatus,
    Issues,
    Payload,
    PullRequest,
    Push,
    Repository,
    WorkflowRun,
)
from devstream_collectors.sources.github.poll import parse, requests
from devstream_desktop.stream.event import Event

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_EVENT = "x-github-event"
_SETUP = """\
Webhook: in the repository's or organisation's Settings, Webhooks, Add webhook:
  Payload URL    the address of your receiver with the path that is printed behind it
  Content type   application/json
  Secret         the text in the file that you give with --secret-file
  Events         Pushes, Pull requests, Workflow runs, Deployment statuses, Issues
Polling, where GitHub cannot reach this machine: --poll --repository OWNER/NAME and, for a private repository or more than 60 requests
an hour, --token-file with a fine-grained token that may read Contents, Pull requests, Actions, Deployments and Issues.
GitHub Enterprise Server: add --url https://HOST/api/v3."""

COLLECTOR = Collector(
    title="GitHub's webhooks, or its API polled",
    setup=_SETUP,
    options=(Option("repository", "OWNER/NAME, for polling", needed="poll"),),
    webhook=Webhook(
        auth=(SignatureScheme(header="x-hub-signature-256", form="prefix", label="sha256"),),
        headers=(_EVENT,),
        delivery_header="x-github-delivery",
    ),
    poll=Poll(
        url="https://api.github.com",
        headers={"x-github-api-version": "2022-11-28"},
        expiry_header="github-authentication-token-expiration",
    ),
)

_REPOSITORY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9._-]+")
_RUN_ACTIONS = {"requested": "queued", "in_progress": "running"}
_TICKET_ACTIONS = frozenset({"opened", "reopened", "closed"})


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; whatever is in it."""
    name = delivery.headers.get(_EVENT, "")
    read = _READERS.get(name)
    if read is None:
        raise Dropped("ping" if name == "ping" else "event-not-mapped", name)
    return Normalised(events=(read(delivery, source),))


def check(source: SourceInfo) -> None:
    """What the option `repository` holds.

    Raises:
        ValueError: it is not a repository's name.

    """
    name = source.text("repository")
    if name and (not _REPOSITORY.fullmatch(name) or ".." in name):
        raise ValueError("repository must be OWNER/NAME, such as acme/shop")


def sample(source: SourceInfo, now: int) -> Delivery:
    """A push as GitHub sends it, to the first branch that counts, for a test of the way it takes."""
    branch = sample_branch(source)
    body = {
        "ref": HEADS + branch,
        "before": "1" * 40,
        "after": "2" * 40,
        "head_commit": {"message": "A test of this source"},
        "commits": [{}],
        "repository": {
            "name": "devstream-test",
            "html_url": "https://github.com/devstream/devstream-test",
            "default_branch": branch,
        },
        "sender": {"login": "devstream"},
    }
    return Delivery(headers={_EVENT: "push"}, body=msgspec.json.encode(body), received=now)


def _place(payload: Payload, source: SourceInfo, received: int) -> Place:
    return place_of(payload.repository or Repository(), source, received)


def _push(delivery: Delivery, source: SourceInfo) -> Event:
    push = msgspec.json.decode(delivery.body, type=Push)
    place = _place(push, source, delivery.received)
    ref, before, after = push.ref or "", sha(push.before), sha(push.after)
    if not ref.startswith(HEADS):
        raise Dropped("not-a-branch", ref)
    pushed_at = push.repository.pushed_at if push.repository else None
    pushed = Pushed(
        branch=ref,
        before=before,
        after="" if push.deleted else after,
        forced=bool(push.forced),
        actor=login(push.sender),
        title=push.head_commit.message or "" if push.head_commit else "",
        count=max(push.size or 0, len(push.commits or ())),
        url=push.compare or "",
        time=pushed_at * 1000 if isinstance(pushed_at, int) else 0,
    )
    return push_event(pushed, place)


def _pull_request(delivery: Delivery, source: SourceInfo) -> Event:
    payload = msgspec.json.decode(delivery.body, type=PullRequest)
    pull = payload.pull_request
    if payload.action != "closed" or pull is None:
        raise Dropped("pull-request-not-closed", payload.action or "")
    if not pull.merged:
        raise Dropped("pull-request-not-merged")
    return merged(pull, _place(payload, source, delivery.received), login(payload.sender))


def _workflow_run(delivery: Delivery, source: SourceInfo) -> Event:
    payload = msgspec.json.decode(delivery.body, type=WorkflowRun)
    body = payload.workflow_run
    if body is None:
        raise Dropped("unexpected-shape", "no workflow_run")
    conclusion = body.conclusion or "none"
    state = (
        CONCLUSIONS.get(conclusion, "")
        if payload.action == "completed"
        else _RUN_ACTIONS.get(payload.action or "", "")
    )
    if not state:
        raise Dropped("run-not-news", f"{payload.action} {conclusion}")
    body = msgspec.structs.replace(body, repository=payload.repository)
    workflow = payload.workflow.name or "" if payload.workflow else ""
    return run(
        body,
        state,
        _place(payload, source, delivery.received),
        workflow=workflow,
        sender=login(payload.sender),
    )


def _deployment_status(delivery: Delivery, source: SourceInfo) -> Event:
    payload = msgspec.json.decode(delivery.body, type=DeploymentStatus)
    if payload.deployment is None or payload.deployment_status is None:
        raise Dropped("unexpected-shape", "no deployment or status")
    return deployment(
        payload.deployment,
        payload.deployment_status,
        _place(payload, source, delivery.received),
        login(payload.sender),
    )


def _issues(delivery: Delivery, source: SourceInfo) -> Event:
    payload = msgspec.json.decode(delivery.body, type=Issues)
    issue, state = payload.issue, payload.action or ""
    if state not in _TICKET_ACTIONS or issue is None:
        raise Dropped("issue-not-news", state)
    place = _place(payload, source, delivery.received)
    # The time of this very step, as the API says it too: a later comment moves `updated_at` on.
    at = (
        {"opened": issue.created_at, "closed": issue.closed_at}.get(state) or issue.updated_at or ""
    )
    return ticket(issue, state, at, login(payload.sender), place)


_READERS: dict[str, Callable[[Delivery, SourceInfo], Event]] = {
    "push": _push,
    "pull_request": _pull_request,
    "workflow_run": _workflow_run,
    "deployment_status": _deployment_status,
    "issues": _issues,
}
