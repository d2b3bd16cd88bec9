"""GitHub's webhooks: pushes, merged pull requests, workflow runs, deployments and issues become events; the rest is dropped by name.

Sources: https://docs.github.com/en/webhooks/webhook-events-and-payloads and, for the signature,
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from devstream_collectors.change import HEADS, change_key, change_subject, is_global, remote_scope
from devstream_collectors.clock import milliseconds, moment
from devstream_collectors.contract import Delivery, Normalised, SignatureScheme, SourceInfo
from devstream_collectors.github_shapes import DeploymentStatus, Issues, Payload, PullRequest, Push, Repository, User, WorkflowRun
from devstream_desktop.stream.event import InvalidEventError, fact_key, make_event
from devstream_desktop.stream.text import clean, short_ref
from devstream_desktop.stream.words import Kind

SIGNATURE = SignatureScheme(header="x-hub-signature-256", form="prefix", label="sha256")
EVENT_HEADER = "x-github-event"
DELIVERY_HEADER = "x-github-delivery"

_CONCLUSIONS = {
    "success": "succeeded",
    "failure": "failed",
    "timed_out": "errored",
    "startup_failure": "errored",
    "cancelled": "cancelled",
}
"""Conclusions that are news; neutral, skipped, stale and action_required are not."""
_RUN_ACTIONS = {"requested": "queued", "in_progress": "running"}
_DEPLOY_STATES = frozenset({"waiting", "in_progress", "success", "failure", "error"})
"""Of GitHub's deployment states, those that are news: not queued, pending or inactive."""
_TICKET_ACTIONS = frozenset({"opened", "reopened", "closed"})
_TEST_NAME = re.compile(r"(?<![a-z])(?:unit|integration|smoke|py)?tests?(?:ing)?(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class _Place:
    """Where a payload is from, and for whom it is read."""

    source: SourceInfo
    scope: str
    service: str
    default_branch: str
    sender: str
    received: int


def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; whatever is in it."""
    name = delivery.headers.get(EVENT_HEADER, "")
    read = _READERS.get(name)
    if read is None:
        return Normalised(dropped="ping" if name == "ping" else "event-not-mapped", detail=clean(name, 60))
    try:
        return read(delivery, source)
    except (msgspec.MsgspecError, RecursionError) as error:
        return Normalised(dropped="unexpected-shape", detail=clean(str(error), 200))
    except InvalidEventError as error:
        return Normalised(dropped="invalid-event", detail=clean(str(error), 200))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A push as GitHub sends it, to the first branch that counts, for a test of the way it takes."""
    del now
    branch = next((short_ref(pattern) for pattern in source.branches if not set("*?[") & set(pattern)), "main")
    body = {
        "ref": HEADS + branch,
        "before": "1" * 40,
        "after": "2" * 40,
        "head_commit": {"message": "A test of this source"},
        "commits": [{}],
        "repository": {"name": "devstream-test", "html_url": "https://github.com/devstream/devstream-test", "default_branch": branch},
        "sender": {"login": "devstream"},
    }
    return Delivery(headers={EVENT_HEADER: "push"}, body=msgspec.json.encode(body), received=0)


def _place(payload: Payload, source: SourceInfo, received: int) -> _Place:
    repository = payload.repository or Repository()
    return _Place(
        source=source,
        scope=remote_scope(repository.html_url or "") or f"github/{(repository.full_name or source.name).lower()}",
        service=source.service or repository.name or source.name,
        default_branch=repository.default_branch or "",
        sender=_login(payload.sender),
        received=received,
    )


def _push(delivery: Delivery, source: SourceInfo) -> Normalised:
    push = msgspec.json.decode(delivery.body, type=Push)
    place = _place(push, source, delivery.received)
    ref, before, after = push.ref or "", _sha(push.before), _sha(push.after)
    if not ref.startswith(HEADS):
        return Normalised(dropped="not-a-branch", detail=clean(ref, 120))
    branch = short_ref(ref)
    if not is_global(branch, source.branches, place.default_branch):
        return Normalised(dropped="not-a-global-branch", detail=clean(branch, 120))
    if push.deleted:
        state, after = "deleted", ""
    elif push.forced and before:
        state = "force-pushed"
    else:
        state = "created" if push.created or not before else "pushed"
    pushed_at = push.repository.pushed_at if push.repository else None
    time, late = moment(pushed_at * 1000 if isinstance(pushed_at, int) else 0, place.received)
    event = make_event(
        kind=Kind.CHANGE,
        state=state,
        service=place.service,
        subject=change_subject(place.service, branch),
        key=change_key(place.scope, branch, state, after, before),
        time=time,
        ref=branch,
        revision=after,
        previous=before,
        number=after or before,
        count=max(push.size or 0, len(push.commits or ())),
        actor=place.sender,
        title=push.head_commit.message or "" if push.head_commit else "",
        url=push.compare or "",
        source=source.name,
        quiet=late,
    )
    return Normalised(events=(event,))


def _pull_request(delivery: Delivery, source: SourceInfo) -> Normalised:
    payload = msgspec.json.decode(delivery.body, type=PullRequest)
    pull = payload.pull_request
    if payload.action != "closed" or pull is None:
        return Normalised(dropped="pull-request-not-closed", detail=clean(payload.action or "", 60))
    if not pull.merged:
        return Normalised(dropped="pull-request-not-merged")
    place = _place(payload, source, delivery.received)
    branch, revision = (pull.base.ref or "") if pull.base else "", _sha(pull.merge_commit_sha)
    if not is_global(branch, source.branches, place.default_branch):
        return Normalised(dropped="not-a-global-branch", detail=clean(branch, 120))
    time, late = moment(milliseconds(pull.merged_at), place.received)
    event = make_event(
        kind=Kind.CHANGE,
        state="merged",
        service=place.service,
        # The row of the push of this merge: same subject, same number.
        subject=change_subject(place.service, branch),
        number=revision,
        key=fact_key(place.scope, Kind.CHANGE, "merged", str(pull.number), revision),
        time=time,
        ref=branch,
        revision=revision,
        count=max(pull.commits or 0, 0),
        actor=_login(pull.merged_by) or place.sender,
        title=f"{pull.title or ''} (#{pull.number})",
        url=pull.html_url or "",
        source=source.name,
        quiet=late,
    )
    return Normalised(events=(event,))


def _workflow_run(delivery: Delivery, source: SourceInfo) -> Normalised:
    payload = msgspec.json.decode(delivery.body, type=WorkflowRun)
    run, place = payload.workflow_run, _place(payload, source, delivery.received)
    if run is None:
        return Normalised(dropped="unexpected-shape", detail="no workflow_run")
    conclusion = run.conclusion or "none"
    state = _CONCLUSIONS.get(conclusion, "") if payload.action == "completed" else _RUN_ACTIONS.get(payload.action or "", "")
    if not state:
        return Normalised(dropped="run-not-news", detail=clean(f"{payload.action} {conclusion}", 60))
    home, head = payload.repository, run.head_repository
    fork = home is not None and head is not None and home.full_name != head.full_name
    if fork or (run.event or "").startswith("pull_request"):
        # A fork may call its branch `main` too.
        return Normalised(dropped="run-of-a-pull-request")
    branch = run.head_branch or ""
    if not is_global(branch, source.branches, place.default_branch):
        return Normalised(dropped="not-a-global-branch", detail=clean(branch, 120))
    workflow = run.name or (payload.workflow.name if payload.workflow else "") or (run.path or "").rsplit("/", 1)[-1] or "workflow"
    kind = Kind.TEST if _TEST_NAME.search(workflow) else Kind.BUILD
    ended, started = milliseconds(run.updated_at), milliseconds(run.run_started_at)
    time, late = moment(ended, place.received)
    event = make_event(
        kind=kind,
        state=state,
        service=place.service,
        subject=f"{kind}/{place.service}/{branch}/{workflow}",
        # A re-run is a new fact of the same run.
        key=fact_key(place.scope, Kind.BUILD, str(run.workflow_id), str(run.id), str(run.run_attempt), state),
        time=time,
        ref=branch,
        revision=_sha(run.head_sha),
        number=str(run.id),
        actor=_login(run.triggering_actor) or _login(run.actor) or place.sender,
        title=workflow,
        reason=run.display_title or "",
        url=run.html_url or "",
        duration=ended - started if payload.action == "completed" and 0 < started <= ended else 0,
        source=source.name,
        quiet=late,
    )
    return Normalised(events=(event,))


def _deployment_status(delivery: Delivery, source: SourceInfo) -> Normalised:
    payload = msgspec.json.decode(delivery.body, type=DeploymentStatus)
    deployment, status = payload.deployment, payload.deployment_status
    if deployment is None or status is None:
        return Normalised(dropped="unexpected-shape", detail="no deployment or status")
    state = status.state or ""
    if state not in _DEPLOY_STATES:
        return Normalised(dropped="deploy-not-news", detail=clean(state, 60))
    place = _place(payload, source, delivery.received)
    environment = deployment.environment or ""
    time, late = moment(milliseconds(status.created_at), place.received)
    event = make_event(
        kind=Kind.DEPLOY,
        state=state,
        service=place.service,
        environment=environment,
        subject=f"deploy/{place.service}/{environment}/{deployment.id}",
        key=fact_key(place.scope, Kind.DEPLOY, environment, str(deployment.id), state),
        time=time,
        ref=short_ref(deployment.ref or ""),
        revision=_sha(deployment.sha),
        number=str(deployment.id),
        actor=_login(deployment.creator) or place.sender,
        reason=status.description or "",
        # Either may be an empty string.
        url=status.log_url or status.target_url or "",
        source=source.name,
        quiet=late,
    )
    return Normalised(events=(event,))


def _issues(delivery: Delivery, source: SourceInfo) -> Normalised:
    payload = msgspec.json.decode(delivery.body, type=Issues)
    issue, state = payload.issue, payload.action or ""
    if state not in _TICKET_ACTIONS or issue is None:
        return Normalised(dropped="issue-not-news", detail=clean(state, 60))
    place = _place(payload, source, delivery.received)
    time, late = moment(milliseconds(issue.updated_at), place.received)
    event = make_event(
        kind=Kind.TICKET,
        state=state,
        service=place.service,
        subject=f"ticket/{place.service}/{issue.number}",
        key=fact_key(place.scope, Kind.TICKET, str(issue.number), state, issue.updated_at or ""),
        time=time,
        number=str(issue.number),
        actor=place.sender,
        title=issue.title or "",
        url=issue.html_url or "",
        source=source.name,
        quiet=late,
    )
    return Normalised(events=(event,))


_READERS: dict[str, Callable[[Delivery, SourceInfo], Normalised]] = {
    "push": _push,
    "pull_request": _pull_request,
    "workflow_run": _workflow_run,
    "deployment_status": _deployment_status,
    "issues": _issues,
}


def _login(user: User | None) -> str:
    return user.login or "" if user else ""


def _sha(text: str | None) -> str:
    """A commit hash; empty for the all-zero hash that stands for nothing."""
    return text if text and text.strip("0") else ""
