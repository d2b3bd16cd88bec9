"""Runs of Actions, in Gitea and Forgejo."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Id, Needed, Part, Text, Time, decode, sha, whole
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import UNDER_WAY, Run, run_event
from devstream_collectors.sources.gitea.place import Payload, Repository, User, account
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

STATES = {
    "queued": "queued",
    "waiting": "queued",
    "requested": "queued",
    "in_progress": "running",
    "running": "running",
    "success": "succeeded",
    "failure": "failed",
    "cancelled": "cancelled",
    "skipped": "cancelled",
    "neutral": "cancelled",
}
"""Statuses and conclusions that are news; blocked is not."""
VOID = frozenset({"skipped", "neutral"})
"""Conclusions that are no result."""


class ActionRun(msgspec.Struct, frozen=True):
    """A run. Gitea's event, Gitea's API and Forgejo's events name its parts differently."""

    id: Id = ""
    run_attempt: Id = ""
    path: str | None = ""
    display_title: Text = ""
    title: Text = ""
    event: str | None = ""
    status: str | None = ""
    conclusion: str | None = ""
    head_branch: Needed[str | None] = ""
    prettyref: Needed[str | None] = ""
    head_sha: str | None = ""
    commit_sha: str | None = ""
    html_url: Text = ""
    workflow_id: Id = ""
    started_at: Time = 0
    started: Time = 0
    completed_at: Time = 0
    stopped: Time = 0
    actor: Part[User] = User()
    trigger_actor: Part[User] = User()
    trigger_user: Part[User] = User()
    repository: Repository | None = None
    """Forgejo's runs have it inside."""


class _Workflow(msgspec.Struct, frozen=True):
    name: Text = ""


class _Payload(Payload, frozen=True):
    """`workflow_run` of Gitea 1.25; `action_run_failure`, `_recover`, `_success` of Forgejo 12."""

    workflow_run: ActionRun | None = None
    run: ActionRun | None = None
    workflow: Part[_Workflow] = _Workflow()


def workflow_run(body: bytes, place: Place) -> Event:
    """Make the event of a `workflow_run` delivery."""
    said = decode(body, _Payload)
    found = said.workflow_run
    if found is None:
        raise Dropped("unexpected-shape", "no workflow_run")
    state = (found.conclusion if said.action == "completed" else said.action) or ""
    if state not in STATES:
        raise Dropped("run-not-news", state)
    return run(found, STATES[state], place, workflow=said.workflow.name, sender=said.sender)


def action_run(body: bytes, place: Place) -> Event:
    """Make the event of an `action_run_*` delivery."""
    said = decode(body, _Payload)
    found = said.run
    if found is None:
        raise Dropped("unexpected-shape", "no run")
    # `recover` is a success after a failure; the stream finds that out by itself.
    action = said.action or ""
    state = found.status or {"recover": "success"}.get(action, action)
    if state not in STATES:
        raise Dropped("run-not-news", state)
    if not said.repository and found.repository:
        place = found.repository.place(place.source, place.received)
    return run(found, STATES[state], place, sender=said.sender)


def run(
    found: ActionRun, state: str, place: Place, *, workflow: str = "", sender: User | None = None
) -> Event:
    """Make the event of a run of Actions in a state.

    Args:
        found: the run.
        state: one of the stream's.
        place: the repository's.
        workflow: the workflow's name, where one says it.
        sender: the account that did it, if the run does not say who.

    Raises:
        Dropped: of a pull request, or not on a branch that counts.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(found.head_branch or found.prettyref or "")
    of_request = (found.event or "").startswith("pull_request")
    if of_request or branch.startswith(("refs/pull/", "#")):
        raise Dropped("run-of-a-pull-request")
    # Gitea: `build.yml@refs/heads/main`; Forgejo: `build.yml`.
    file = found.workflow_id or (found.path or "").split("@", 1)[0]
    users = (found.trigger_actor, found.trigger_user, found.actor, sender or User())
    said = next((text for text in (found.conclusion, found.status) if text in VOID), "")
    void = bool(said) and state == "cancelled"
    made = Run(
        # The file, which all of Gitea, Forgejo and their API say; only Gitea's webhook knows the
        # name in it.
        pipeline=file or workflow or "workflow",
        pipeline_id=file,
        run=found.id,
        order=whole(found.id),
        attempt=found.run_attempt or "1",
        state=state,
        branch=branch,
        revision=sha(found.head_sha) or sha(found.commit_sha),
        actor=account(*users),
        reason=said if void else found.display_title or found.title,
        is_void=void,
        url=found.html_url,
        started=found.started_at or found.started,
        changed=0 if state in UNDER_WAY else found.completed_at or found.stopped,
    )
    return run_event(made, place)
