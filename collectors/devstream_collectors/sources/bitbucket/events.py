"""Bitbucket Cloud's facts as events. Webhook and API speak of the same objects, so both come through here and give the same keys."""

from __future__ import annotations

from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place, remote_scope
from devstream_collectors.before.push import Merge, merge_event
from devstream_collectors.before.run import Run, run_at
from devstream_collectors.before.ticket import Issue, issue_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.bitbucket.payloads import (
    IssueBody,
    IssueChanges,
    Links,
    PullBody,
    Repository,
    StatusBody,
    User,
)
from devstream_desktop.stream.event import Event

STATUS_STATES = {
    "INPROGRESS": "running",
    "IN_PROGRESS": "running",
    "SUCCESSFUL": "succeeded",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "STOPPED": "cancelled",
}
"""https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/ and, for Data Center, its build status API."""
OPEN_ISSUES = frozenset({"new", "open", "on hold", "submitted"})
"""All other states of an issue are ends of it: resolved, duplicate, invalid, wontfix, closed."""


def place_of(repository: Repository | None, source: SourceInfo, received: int) -> Place:
    """The place of a repository's facts."""
    home = repository or Repository()
    # What the address ends in: the name may have spaces in it.
    path = home.full_name or home.name or ""
    return Place(
        source=source,
        scope=f"bitbucket.org/{path.lower()}"
        if home.full_name
        else remote_scope(page(home.links)) or f"bitbucket/{source.name}",
        service=source.service or path.rsplit("/", 1)[-1].strip() or source.name,
        received=received,
        default_branch=home.mainbranch.name or "" if home.mainbranch else "",
    )


def step_of(changes: IssueChanges | None) -> str:
    """What a change of an issue is to us: `closed` or `reopened`; empty for no news."""
    step = changes.status or changes.state if changes else None
    if step is None or (step.old in OPEN_ISSUES) == (step.new in OPEN_ISSUES):
        return ""
    return "reopened" if step.new in OPEN_ISSUES else "closed"


def account(*users: User | None) -> str:
    """The first account's name."""
    return person(
        *(
            name
            for user in users
            if user
            for name in (user.nickname, user.display_name, user.username)
        )
    )


def page(links: Links | None) -> str:
    """The address of something's page."""
    return links.html.href or "" if links and links.html else ""


def merged(pull: PullBody, actor: str, place: Place) -> Event:
    """A merged pull request.

    Raises:
        Dropped: not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    branch = (
        pull.destination.branch.name or "" if pull.destination and pull.destination.branch else ""
    )
    found = Merge(
        number=str(pull.id or ""),
        branch=branch,
        revision=sha(pull.merge_commit.hash) if pull.merge_commit else "",
        title=pull.title or "",
        actor=account(pull.closed_by) or actor,
        url=page(pull.links),
        time=milliseconds(pull.updated_on),
    )
    return merge_event(found, place)


def status(
    body: StatusBody, actor: str, place: Place, *, branch: str = "", revision: str = ""
) -> Event:
    """A build that tells of itself by the status of a commit: of `branch` and `revision`, when it does not say so itself.

    Raises:
        Dropped: the state is no news, or not of a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    state = STATUS_STATES.get((body.state or "").upper())
    if state is None:
        raise Dropped("run-not-news", body.state or "")
    link = body.links.commit.href or "" if body.links and body.links.commit else ""
    revision = (
        sha(body.commit.hash if body.commit else "")
        or sha(link.rstrip("/").rsplit("/", 1)[-1])
        or revision
    )
    made = Run(
        # Many put the build's number behind the name: `Pipeline #12 for main`.
        pipeline=(body.name or "").split("#", 1)[0].strip() or body.key or "build",
        pipeline_id=body.key or "",
        run=revision,
        # The same commit built again has another address, and nothing else that differs.
        attempt=body.url or "1",
        state=state,
        branch=body.refname or branch,
        revision=revision,
        actor=actor,
        reason=body.description or "",
        url=body.url or "",
        started=milliseconds(body.created_on),
        changed=milliseconds(body.updated_on),
    )
    return run_at(made, place)


def issue(body: IssueBody, state: str, actor: str, place: Place, at: str = "") -> Event:
    """An issue `opened`, `reopened` or `closed`; `at` is when, if that is not when it was touched last.

    Raises:
        InvalidEventError: as `make_event`.

    """
    said = body.created_on if state == "opened" else at or body.updated_on
    return issue_event(
        Issue(
            str(body.id or ""), state, body.title or "", actor, page(body.links), milliseconds(said)
        ),
        place,
    )
