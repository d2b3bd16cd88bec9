"""GitHub's workflow runs."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Needed, Part, Text, Time, Whole, decode, sha
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import Run, run_event
from devstream_collectors.sources.github.place import Payload, Repository, User
from devstream_desktop.stream.event import Event

CONCLUSIONS = {
    "success": "succeeded",
    "failure": "failed",
    "timed_out": "errored",
    "startup_failure": "errored",
    "cancelled": "cancelled",
}
"""Conclusions that are news."""
VOID = frozenset({"skipped", "neutral", "stale", "action_required"})
"""Conclusions that are no result."""
_ACTIONS = {"requested": "queued", "in_progress": "running"}


class WorkflowRun(msgspec.Struct, frozen=True):
    """A workflow run, also in the API."""

    id: Needed[int] = 0
    workflow_id: int = 0
    run_attempt: Needed[int] = 1
    run_number: Whole = 0
    name: Text = ""
    path: Text = ""
    display_title: Text = ""
    event: str | None = ""
    conclusion: str | None = ""
    head_branch: Needed[str | None] = ""
    head_sha: str | None = ""
    html_url: Text = ""
    updated_at: Time = 0
    run_started_at: Time = 0
    actor: Part[User] = User()
    triggering_actor: Part[User] = User()
    repository: Repository | None = None
    """In an answer of the API; a webhook has it beside the run."""
    head_repository: Repository | None = None
    status: str | None = ""


class _Workflow(msgspec.Struct, frozen=True):
    name: Text = ""


class _Payload(Payload, frozen=True):
    workflow_run: WorkflowRun | None = None
    workflow: Part[_Workflow] = _Workflow()


def workflow_run(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `workflow_run` delivery."""
    said = decode(delivery.body, _Payload)
    found = said.workflow_run
    if found is None:
        raise Dropped("unexpected-shape", "no workflow_run")
    conclusion = found.conclusion or "none"
    state = _ACTIONS.get(said.action or "", "")
    if said.action == "completed":
        state = state_of(conclusion)
    if not state:
        raise Dropped("run-not-news", f"{said.action} {conclusion}")
    found = msgspec.structs.replace(found, repository=said.repository)
    place = said.place(source, delivery.received)
    return run(found, state, place, workflow=said.workflow.name, sender=said.sender)


def state_of(conclusion: str) -> str:
    """Return the state of a run that is completed; empty for a conclusion that is not known."""
    return "cancelled" if conclusion in VOID else CONCLUSIONS.get(conclusion, "")


def run(
    found: WorkflowRun, state: str, place: Place, *, workflow: str = "", sender: User | None = None
) -> Event:
    """Make the event of a workflow run in a state.

    Args:
        found: the run.
        state: one of the stream's.
        place: the repository's.
        workflow: the workflow's name, where the run itself has none.
        sender: the account that did it, if the run does not say who.

    Raises:
        Dropped: of a pull request, or not on a branch that counts.
        InvalidEventError: as `make_event`.

    """
    home, head = found.repository, found.head_repository
    fork = home is not None and head is not None and home.full_name != head.full_name
    if fork or (found.event or "").startswith("pull_request"):
        # A fork may call its branch `main` too.
        raise Dropped("run-of-a-pull-request")
    branch = found.head_branch or ""
    place.check_branch(branch)
    void = state == "cancelled" and found.conclusion in VOID
    actors = (found.triggering_actor, found.actor, sender or User())
    made = Run(
        pipeline=found.name or workflow or found.path.rsplit("/", 1)[-1] or "workflow",
        pipeline_id=str(found.workflow_id),
        run=str(found.id),
        file=found.path.split("@", 1)[0].rsplit("/", 1)[-1],
        attempt=str(found.run_attempt),
        order=found.run_number,
        state=state,
        branch=branch,
        revision=sha(found.head_sha),
        actor=next((actor.login for actor in actors if actor.login), ""),
        reason=(found.conclusion or "").replace("_", " ") if void else found.display_title,
        is_void=void,
        url=found.html_url,
        started=found.run_started_at,
        changed=found.updated_at,
    )
    return run_event(made, place)
