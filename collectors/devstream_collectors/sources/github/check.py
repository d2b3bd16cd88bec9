"""GitHub's commit statuses, checks and page builds: the results of other CI systems.

Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads#status and `#check_run`,
`#check_suite`, `#page_build`.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import is_global
from devstream_collectors.kit.decoding import Many, Needed, Part, Text, Time, decode, sha
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import Run, run_event
from devstream_collectors.sources.github.place import Payload, User
from devstream_collectors.sources.github.run import CONCLUSIONS
from devstream_desktop.stream.event import Event

_STATES = {"success": "succeeded", "failure": "failed", "error": "errored"}
_PAGES = {"built": "succeeded", "errored": "failed"}
_OURS = "github-actions"
"""The app of workflow runs: they have events of their own."""


class _Branch(msgspec.Struct, frozen=True):
    name: Text = ""


class _Committer(msgspec.Struct, frozen=True):
    date: Time = 0


class _GitCommit(msgspec.Struct, frozen=True):
    committer: Part[_Committer] = _Committer()


class _Commit(msgspec.Struct, frozen=True):
    commit: Part[_GitCommit] = _GitCommit()


class _Status(Payload, frozen=True):
    id: Text = ""
    sha: Needed[str | None] = ""
    state: str | None = ""
    context: Needed[str | None] = ""
    description: Text = ""
    target_url: Text = ""
    branches: Many[_Branch] = []
    commit: Part[_Commit] = _Commit()
    updated_at: Time = 0
    created_at: Time = 0


class _App(msgspec.Struct, frozen=True):
    slug: Text = ""
    name: Text = ""


class _HeadCommit(msgspec.Struct, frozen=True):
    timestamp: Time = 0


class _Suite(msgspec.Struct, frozen=True):
    id: Needed[int | None] = 0
    head_branch: Needed[str | None] = ""
    head_sha: str | None = ""
    head_commit: Part[_HeadCommit] = _HeadCommit()
    conclusion: str | None = ""
    app: Part[_App] = _App()
    created_at: Time = 0
    updated_at: Time = 0


class _Branched(msgspec.Struct, frozen=True):
    """The suite of a check run, of which the branch alone counts."""

    head_branch: Needed[str | None] = ""
    head_commit: Part[_HeadCommit] = _HeadCommit()


class _Output(msgspec.Struct, frozen=True):
    title: Text = ""


class _Check(msgspec.Struct, frozen=True):
    id: Needed[int | None] = 0
    name: Needed[str | None] = ""
    head_sha: str | None = ""
    conclusion: str | None = ""
    details_url: Text = ""
    html_url: Text = ""
    started_at: Time = 0
    completed_at: Time = 0
    output: Part[_Output] = _Output()
    app: Part[_App] = _App()
    check_suite: _Branched | None = None


class _Checked(Payload, frozen=True):
    check_run: _Check | None = None
    check_suite: _Suite | None = None


class _Mistake(msgspec.Struct, frozen=True):
    message: Text = ""


class _Build(msgspec.Struct, frozen=True):
    status: str | None = ""
    commit: str | None = ""
    error: Part[_Mistake] = _Mistake()
    pusher: Part[User] = User()
    created_at: Time = 0
    updated_at: Time = 0


class _Paged(Payload, frozen=True):
    id: Needed[int | None] = 0
    build: _Build | None = None


def status(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `status` delivery: a result for a commit, by any CI system."""
    said = decode(delivery.body, _Status)
    # Its sender is the CI system's account, and no author of anything.
    state = _STATES.get(said.state or "")
    if state is None:
        raise Dropped("run-not-news", said.state or "")
    place = said.place(source, delivery.received)
    branch = _counting([branch.name for branch in said.branches], place)
    commit, at = sha(said.sha), said.updated_at or said.created_at
    made = Run(
        pipeline=said.context or "status",
        run=commit,
        # The context may come back to a result for the same commit: each status is one of its own.
        attempt=said.id or str(at),
        order=said.commit.commit.committer.date // 1000,
        state=state,
        branch=branch,
        revision=commit,
        reason=_reason(state, said.description),
        url=said.target_url,
        changed=at,
    )
    return run_event(made, place)


def check_run(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `check_run` delivery."""
    said = decode(delivery.body, _Checked)
    found = said.check_run
    if found is None:
        raise Dropped("unexpected-shape", "no check_run")
    suite = found.check_suite or _Branched()
    state = _ended(said.action, found.conclusion, found.app)
    place = said.place(source, delivery.received)
    made = Run(
        pipeline=found.name or found.app.name or "check",
        run=str(found.id),
        # An app may end a check anew.
        attempt=str(found.completed_at // 1000),
        order=suite.head_commit.timestamp // 1000,
        state=state,
        branch=_counting([suite.head_branch or ""], place),
        revision=sha(found.head_sha),
        actor=said.sender.login,
        reason=_reason(state, found.output.title),
        url=found.details_url or found.html_url,
        started=found.started_at,
        changed=found.completed_at,
    )
    return run_event(made, place)


def check_suite(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `check_suite` delivery: all checks of one app."""
    said = decode(delivery.body, _Checked)
    found = said.check_suite
    if found is None:
        raise Dropped("unexpected-shape", "no check_suite")
    state = _ended(said.action, found.conclusion, found.app)
    place = said.place(source, delivery.received)
    made = Run(
        pipeline=found.app.name or found.app.slug or "checks",
        run=str(found.id),
        attempt=str(found.updated_at // 1000),
        order=found.head_commit.timestamp // 1000,
        state=state,
        branch=_counting([found.head_branch or ""], place),
        revision=sha(found.head_sha),
        actor=said.sender.login,
        started=found.created_at,
        changed=found.updated_at,
    )
    return run_event(made, place)


def page_build(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `page_build` delivery: a site that was built, or could not be."""
    said = decode(delivery.body, _Paged)
    build = said.build or _Build()
    state = _PAGES.get(build.status or "")
    if state is None:
        raise Dropped("run-not-news", build.status or "")
    made = Run(
        pipeline="pages",
        run=str(said.id),
        state=state,
        revision=sha(build.commit),
        actor=build.pusher.login or said.sender.login,
        reason=_reason(state, build.error.message),
        started=build.created_at,
        changed=build.updated_at,
    )
    return run_event(made, said.place(source, delivery.received))


def _ended(action: str | None, conclusion: str | None, app: _App) -> str:
    """Return the state of a check that has ended.

    Raises:
        Dropped: it has not, or a workflow run tells it.

    """
    if app.slug == _OURS:
        raise Dropped("check-of-a-workflow")
    state = CONCLUSIONS.get(conclusion or "") if action == "completed" else None
    if state is None:
        raise Dropped("run-not-news", f"{action} {conclusion}")
    return state


def _counting(branches: list[str], place: Place) -> str:
    """Return the branch that counts; GitHub names all that have the commit.

    Raises:
        Dropped: none does, as for a commit of a fork.

    """
    named = [branch for branch in branches if branch]
    counted = [one for one in named if not place.branches or is_global(one, place.branches)]
    if not counted:
        raise Dropped("not-a-global-branch", ", ".join(named[:3]))
    return next((one for one in counted if one in place.default_branches), counted[0])


def _reason(state: str, text: str) -> str:
    return "" if state == "succeeded" else text
