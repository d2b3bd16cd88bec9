"""GitLab: pushes, merged merge requests, pipelines, deployments and issues become events, by webhook or from its API.

Sources: https://docs.gitlab.com/user/project/integrations/webhook_events/ and, for the proof,
https://docs.gitlab.com/user/project/integrations/webhooks/ (a secret token, or since 2026 a signing token after Standard Webhooks).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from devstream_collectors.before.branches import HEADS, sample_branch
from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.deploy import Deployment as Deployed
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
    Token,
    Webhook,
)
from devstream_collectors.sources.gitlab.events import (
    DEPLOY_STATES,
    ISSUE_ACTIONS,
    account,
    compare_url,
    deployed,
    issue,
    merged,
    pipeline,
    place_of,
    web_of,
)
from devstream_collectors.sources.gitlab.payloads import (
    Deployment,
    Issue,
    MergeRequest,
    Payload,
    Pipeline,
    Push,
)
from devstream_collectors.sources.gitlab.poll import parse, requests
from devstream_desktop.stream.event import Event

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_EVENT = "x-gitlab-event"
_SETUP = """\
Webhook: in the project's or group's Settings, Webhooks, Add new webhook:
  URL            the address of your receiver with the path that is printed behind it
  Secret token   the text in the file that you give with --secret-file (or a signing token, whsec_..., there and in the file)
  Trigger        Push events, Merge request events, Pipeline events, Deployment events, Issues events
GitLab sends nothing to a private address until an administrator allows it: Admin, Settings, Network, Outbound requests. It says nothing
of a push that moves more than three branches, and stops a hook that failed often: polling as well loses nothing.
Polling, where GitLab cannot reach this machine: --poll --repository GROUP/NAME and, for a private project, --token-file with a project
access token of scope read_api and role Reporter. A GitLab of your own: add --url https://HOST."""

COLLECTOR = Collector(
    title="GitLab's webhooks, or its API polled",
    setup=_SETUP,
    options=(Option("repository", "GROUP/NAME of the project, for polling", needed="poll"),),
    webhook=Webhook(
        auth=(
            Token(header="x-gitlab-token", prefix=""),
            SignatureScheme(
                header="webhook-signature",
                form="words",
                label="v1",
                encoding="base64",
                key="whsec",
                signed="{id}.{timestamp}.{body}",
                id_header="webhook-id",
                timestamp_header="webhook-timestamp",
            ),
        ),
        headers=(_EVENT,),
        delivery_header="idempotency-key",
    ),
    poll=Poll(url="https://gitlab.com"),
)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; whatever is in it."""
    said = msgspec.json.decode(delivery.body, type=Payload)
    name = said.object_kind or said.event_name or ""
    read = _READERS.get(name)
    if read is None:
        raise Dropped(_NOT_NEWS.get(name, "event-not-mapped"), name)
    if delivery.headers.get(_EVENT, "").startswith("Confidential"):
        # The stream is for the whole team; GitLab keeps these from some of it.
        raise Dropped("confidential", name)
    return Normalised(
        (read(delivery.body, place_of((said.project, said.repository), source, delivery.received)),)
    )


def check(source: SourceInfo) -> None:
    """What the option `repository` holds.

    Raises:
        ValueError: it is not a project's path.

    """
    check_repository(
        source.text("repository"), "GROUP/NAME, such as acme/shop or acme/web/shop", deep=True
    )


def sample(source: SourceInfo, now: int) -> Delivery:
    """A push as GitLab sends it, to the first branch that counts, for a test of the way it takes."""
    branch = sample_branch(source)
    body = {
        "object_kind": "push",
        "ref": HEADS + branch,
        "before": "1" * 40,
        "after": "2" * 40,
        "user_username": "devstream",
        "project": {
            "path_with_namespace": "devstream/devstream-test",
            "web_url": "https://gitlab.com/devstream/devstream-test",
            "default_branch": branch,
        },
        "commits": [{"id": "2" * 40, "message": "A test of this source"}],
        "total_commits_count": 1,
    }
    return Delivery({_EVENT: "Push Hook"}, msgspec.json.encode(body), now)


def _push(body: bytes, place: Place) -> Event:
    push = msgspec.json.decode(body, type=Push)
    if not (push.ref or "").startswith(HEADS):
        raise Dropped("not-a-branch", push.ref or "")
    before, after, commits = sha(push.before), sha(push.after), push.commits or []
    head = next(
        (commit for commit in commits if commit.id == after), commits[-1] if commits else None
    )
    # GitLab does not say that a push was forced.
    pushed = Pushed(
        branch=push.ref or "",
        before=before,
        after=after,
        actor=person(push.user_username, push.user_name),
        title=head.message or "" if head else "",
        count=max(push.total_commits_count or 0, len(commits)),
        url=compare_url(web_of((push.project, push.repository)), before, after),
    )
    return push_event(pushed, place)


def _merge_request(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=MergeRequest)
    found = payload.object_attributes
    if found is None:
        raise Dropped("unexpected-shape", "no object_attributes")
    if (found.action or found.state) not in ("merge", "merged"):
        raise Dropped("pull-request-not-merged", found.action or found.state or "")
    return merged(found, account(payload.user), place)


def _pipeline(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Pipeline)
    if payload.object_attributes is None:
        raise Dropped("unexpected-shape", "no object_attributes")
    return pipeline(
        payload.object_attributes,
        payload.builds or (),
        payload.user,
        web_of((payload.project, payload.repository)),
        place,
    )


def _deployment(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Deployment)
    status = payload.status or ""
    found = Deployed(
        id=str(payload.deployment_id or ""),
        environment=payload.environment or "",
        state=DEPLOY_STATES.get(status, ""),
        ref=payload.ref or "",
        revision=sha((payload.commit_url or "").rsplit("/", 1)[-1]) or sha(payload.short_sha),
        actor=account(payload.user),
        title=payload.commit_title or "",
        url=payload.deployable_url or "",
        time=milliseconds(payload.status_changed_at),
    )
    return deployed(status, found, place)


def _issue(body: bytes, place: Place) -> Event:
    payload = msgspec.json.decode(body, type=Issue)
    found = payload.object_attributes
    if found is None:
        raise Dropped("unexpected-shape", "no object_attributes")
    state = ISSUE_ACTIONS.get(found.action or "")
    if state is None:
        raise Dropped("issue-not-news", found.action or "")
    if (payload.event_type or "").startswith("confidential"):
        raise Dropped("confidential")
    at = (
        {"opened": found.created_at, "closed": found.closed_at}.get(state) or found.updated_at or ""
    )
    return issue(found, state, at, account(payload.user), place)


_READERS: dict[str, Callable[[bytes, Place], Event]] = {
    "push": _push,
    "merge_request": _merge_request,
    "pipeline": _pipeline,
    "deployment": _deployment,
    "issue": _issue,
    "work_item": _issue,
}
_NOT_NEWS = {
    "tag_push": "not-a-branch",
    "build": "job-of-a-run",
    "note": "comment",
}
