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


class Status(msgspec.Struct, frozen=True):
    """A result for a commit, also in the API."""

    id: Text = ""
    state: str | None = ""
    context: Needed[str | None] = ""
    description: Text = ""
    target_url: Text = ""
    updated_at: Time = 0
    created_at: Time = 0


class _Status(Payload, frozen=True):
    sha: Needed[str | None] = ""
    branches: Many[_Branch] = []
    commit: Part[_Commit] = _Commit()


class App(msgspec.Struct, frozen=True):
    """The app that checks."""

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
    app: Part[App] = App()
    created_at: Time = 0
    updated_at: Time = 0


class _Branched(msgspec.Struct, frozen=True):
    """The suite of a check run, for its branch and commit."""

    head_branch: Needed[str | None] = ""
    head_commit: Part[_HeadCommit] = _HeadCommit()
    created_at: Time = 0
    """The time of its commit's push; a check that runs again leaves it as it is."""


class _Output(msgspec.Struct, frozen=True):
    title: Text = ""


class Check(msgspec.Struct, frozen=True):
    """A check run, also in the API."""

    id: Needed[int | None] = 0
    name: Needed[str | None] = ""
    head_sha: str | None = ""
    conclusion: str | None = ""
    details_url: Text = ""
    html_url: Text = ""
    started_at: Time = 0
    completed_at: Time = 0
    output: Part[_Output] = _Output()
    app: Part[App] = App()
    check_suite: _Branched | None = None

    @property
    def is_ours(self) -> bool:
        """True for a job of a workflow; its run has events of its own."""
        return self.app.slug == _OURS


class _Checked(Payload, frozen=True):
    check_run: Check | None = None
    check_suite: _Suite | None = None


class _Mistake(msgspec.Struct, frozen=True):
    message: Text = ""


class Build(msgspec.Struct, frozen=True):
    """A build of the site, also in the API."""

    status: str | None = ""
    commit: str | None = ""
    error: Part[_Mistake] = _Mistake()
    pusher: Part[User] = User()
    created_at: Time = 0
    updated_at: Time = 0


class _Paged(Payload, frozen=True):
    id: Needed[int | None] = 0
    build: Build | None = None


def status(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `status` delivery: a result for a commit, by any CI system."""
    said, found = decode(delivery.body, _Status), decode(delivery.body, Status)
    # Its sender is the CI system's account, and no author of anything.
    branches, date = [branch.name for branch in said.branches], said.commit.commit.committer.date
    place = said.place(source, delivery.received)
    return status_of(found, sha(said.sha), branches, place, order=date // 1000)


def status_of(
    found: Status, commit: str, branches: list[str], place: Place, *, order: int
) -> Event:
    """Make the event of a status.

    Args:
        found: the status.
        commit: the commit that it is about.
        branches: those that have the commit.
        place: the repository's.
        order: the commit's date, seconds.

    Raises:
        Dropped: it is no result, or no branch counts.
        InvalidEventError: as `make_event`.

    """
    state = _STATES.get(found.state or "")
    if state is None:
        raise Dropped("run-not-news", found.state or "")
    at = found.updated_at or found.created_at
    made = Run(
        pipeline=found.context or "status",
        run=commit,
        # The context may come back to a result for the same commit: each status is one of its own.
        attempt=found.id or str(at),
        order=order,
        state=state,
        branch=_counting(branches, place),
        revision=commit,
        reason=_reason(state, found.description),
        url=found.target_url,
        changed=at,
    )
    return run_event(made, place)


def check_run(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `check_run` delivery."""
    said = decode(delivery.body, _Checked)
    found = said.check_run
    if found is None:
        raise Dropped("unexpected-shape", "no check_run")
    if said.action != "completed" and not found.is_ours:
        raise Dropped("run-not-news", f"{said.action} {found.conclusion}")
    branch = (found.check_suite or _Branched()).head_branch or ""
    return checked(found, [branch], said.place(source, delivery.received), said.sender)


def checked(
    found: Check,
    branches: list[str],
    place: Place,
    sender: User | None = None,
    *,
    order: int = 0,
) -> Event:
    """Make the event of a check run that has ended.

    Args:
        found: the check run.
        branches: those that have the commit.
        place: the repository's.
        sender: the account that told of it.
        order: the commit's date, seconds, if the check's suite does not say it.

    Raises:
        Dropped: it has not ended, is a workflow's own, or no branch counts.
        InvalidEventError: as `make_event`.

    """
    suite = found.check_suite or _Branched()
    state = _ended("completed", found.conclusion, found.app)
    made = Run(
        pipeline=found.name or found.app.name or "check",
        run=str(found.id),
        # An app may end a check anew.
        attempt=str(found.completed_at // 1000),
        order=order or (suite.head_commit.timestamp or suite.created_at) // 1000,
        state=state,
        branch=_counting(branches, place),
        revision=sha(found.head_sha),
        actor=sender.login if sender else "",
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
    """Make the event of a `page_build` delivery."""
    said = decode(delivery.body, _Paged)
    place = said.place(source, delivery.received)
    return page_built(str(said.id), said.build or Build(), place, said.sender)


def page_built(number: str, build: Build, place: Place, sender: User | None = None) -> Event:
    """Make the event of a site's build.

    Args:
        number: the build's id.
        build: the build.
        place: the repository's.
        sender: the account that told of it, if the build does not say who.

    Raises:
        Dropped: it goes on.
        InvalidEventError: as `make_event`.

    """
    state = _PAGES.get(build.status or "")
    if state is None:
        raise Dropped("run-not-news", build.status or "")
    made = Run(
        pipeline="pages",
        run=number,
        state=state,
        revision=sha(build.commit),
        actor=build.pusher.login or (sender.login if sender else ""),
        reason=_reason(state, build.error.message),
        started=build.created_at,
        changed=build.updated_at,
    )
    return run_event(made, place)


def _ended(action: str | None, conclusion: str | None, app: App) -> str:
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
