"""The facts of Gitea, Forgejo and Gogs as events. Webhook and API speak of the same objects: both come through here, for the same keys."""

from __future__ import annotations

from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place, remote_scope
from devstream_collectors.before.push import Merge, merge_event
from devstream_collectors.before.run import Run, run_at
from devstream_collectors.before.ticket import Issue, issue_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.gitea.payloads import (
    IssueBody,
    PullBody,
    Repository,
    RunBody,
    User,
)
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

RUN_STATES = {
    "queued": "queued",
    "waiting": "queued",
    "requested": "queued",
    "in_progress": "running",
    "running": "running",
    "success": "succeeded",
    "failure": "failed",
    "cancelled": "cancelled",
}
"""Statuses and conclusions that are news; skipped, blocked and neutral are not."""


def place_of(repository: Repository | None, source: SourceInfo, received: int) -> Place:
    """The place of a repository's facts."""
    home = repository or Repository()
    name = home.full_name or home.name or ""
    return Place(
        source=source,
        scope=remote_scope(home.html_url or "")
        or remote_scope(home.clone_url or "")
        or f"gitea/{(name or source.name).lower()}",
        service=source.service or (home.name or name).rsplit("/", 1)[-1] or source.name,
        received=received,
        default_branch=home.default_branch or "",
    )


def account(*users: User | None) -> str:
    """The first account's name."""
    return person(
        *(
            name
            for user in users
            if user
            for name in (user.login, user.username, user.name, user.full_name)
        )
    )


def merged(pull: PullBody, number: int | None, actor: str, place: Place) -> Event:
    """A merged pull request.

    Raises:
        Dropped: not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    found = Merge(
        number=str(pull.number or number or ""),
        branch=(pull.base.ref if pull.base else "") or pull.base_branch or "",
        revision=sha(pull.merge_commit_sha) or sha(pull.merged_commit_id),
        title=pull.title or "",
        actor=account(pull.merged_by) or actor,
        url=pull.html_url or "",
        time=milliseconds(pull.merged_at),
    )
    return merge_event(found, place)


def issue(
    body: IssueBody, number: int | None, state: str, actor: str, place: Place, at: str = ""
) -> Event:
    """An issue `opened`, `reopened` or `closed`; `at` is when, if it does not say so itself.

    Raises:
        InvalidEventError: as `make_event`.

    """
    said = {"opened": body.created_at, "closed": body.closed_at}.get(state) or at or body.updated_at
    name = str(body.number or number or "")
    return issue_event(
        Issue(name, state, body.title or "", actor, body.html_url or "", milliseconds(said)), place
    )


def run(body: RunBody, state: str, name: str, actor: str, place: Place) -> Event:
    """A run of Actions in a state of the stream's; `name` is its workflow's, where one says it.

    Raises:
        Dropped: of a pull request, or not on a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(body.head_branch or body.prettyref or "")
    if (body.event or "").startswith("pull_request") or branch.startswith(("refs/pull/", "#")):
        raise Dropped("run-of-a-pull-request")
    # Gitea: `build.yml@refs/heads/main`; Forgejo: `build.yml`.
    file = str(body.workflow_id or "") or (body.path or "").split("@", 1)[0]
    made = Run(
        # The file, which all of Gitea, Forgejo and their API say; only Gitea's webhook knows the name in it.
        pipeline=file or name or "workflow",
        pipeline_id=file,
        run=str(body.id or ""),
        attempt=str(body.run_attempt or 1),
        state=state,
        branch=branch,
        revision=sha(body.head_sha) or sha(body.commit_sha),
        actor=account(body.trigger_actor, body.trigger_user, body.actor) or actor,
        reason=body.display_title or body.title or "",
        url=body.html_url or "",
        started=milliseconds(body.started_at or body.started),
        changed=milliseconds(body.completed_at or body.stopped)
        if state not in ("queued", "running")
        else 0,
    )
    return run_at(made, place)
