"""Builds, as they tell of themselves by the status of a commit; Bitbucket's own pipelines too."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Needed, Part, Text, Time, decode, sha
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import Run, run_event
from devstream_collectors.sources.bitbucket.place import Links, Payload, account
from devstream_collectors.sources.bitbucket.push import Commit
from devstream_desktop.stream.event import Event

_STATES = {
    "INPROGRESS": "running",
    "IN_PROGRESS": "running",
    "SUCCESSFUL": "succeeded",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "STOPPED": "cancelled",
}
"""https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/

And, for Data Center, its build status API.
"""


class Status(msgspec.Struct, frozen=True):
    """The status of a commit, also in the API."""

    key: Needed[str | None] = ""
    name: str | None = ""
    state: str | None = ""
    description: Text = ""
    refname: Needed[str | None] = ""
    url: str | None = ""
    created_on: Time = 0
    updated_on: Time = 0
    commit: Commit | None = None
    links: Part[Links] = Links()


class _Payload(Payload, frozen=True):
    commit_status: Status | None = None


def commit_status(body: bytes, place: Place) -> tuple[Event, ...]:
    """Make the event of a `repo:commit_status_*` delivery."""
    said = decode(body, _Payload)
    if said.commit_status is None:
        raise Dropped("unexpected-shape", "no commit_status")
    # It may be of any branch; a poll knows which.
    if not said.commit_status.refname:
        raise Dropped("not-a-global-branch", "it names no branch")
    return (build(said.commit_status, account(said.actor), place),)


def build(
    status: Status, actor: str, place: Place, *, branch: str = "", revision: str = ""
) -> Event:
    """Make the event of a build.

    Args:
        status: as the build says it.
        actor: the name of the account that began it.
        place: the repository's.
        branch: of the build, when it does not say so itself.
        revision: of the build, when it does not say so itself.

    Raises:
        Dropped: the state is no news, or not of a branch that counts.
        InvalidEventError: as `make_event`.

    """
    state = _STATES.get((status.state or "").upper())
    if state is None:
        raise Dropped("run-not-news", status.state or "")
    link = status.links.commit.href
    said = sha(status.commit.hash) if status.commit else ""
    revision = said or sha(link.rstrip("/").rsplit("/", 1)[-1]) or revision
    made = Run(
        # Many put the build's number behind the name: `Pipeline #12 for main`.
        pipeline=(status.name or "").split("#", 1)[0].strip() or status.key or "build",
        pipeline_id=status.key or "",
        run=revision,
        # The same commit built again has another address, and nothing else that differs.
        attempt=status.url or "1",
        state=state,
        branch=status.refname or branch,
        revision=revision,
        actor=actor,
        reason=status.description,
        url=status.url or "",
        started=status.created_on,
        changed=status.updated_on,
    )
    return run_event(made, place)
