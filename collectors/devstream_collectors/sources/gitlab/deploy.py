"""GitLab's deployments."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Id, Needed, Part, Text, Time, decode, sha
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.executor import Mark
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.gitlab.place import Commit, Payload, User, account
from devstream_desktop.stream.event import Event

STATES = {
    "blocked": "waiting",
    "running": "in_progress",
    "success": "success",
    "failed": "failure",
    "canceled": "cancelled",
}
"""Statuses that are news; created and skipped are not. https://docs.gitlab.com/api/deployments/"""


class _Payload(Payload, frozen=True):
    status: str | None = ""
    status_changed_at: Time = 0
    deployment_id: Id = ""
    deployable_id: Text = ""
    deployable_url: Text = ""
    environment: Needed[str | None] = ""
    ref: Text = ""
    short_sha: Text = ""
    commit_url: Text = ""
    commit_title: Text = ""


class _Environment(msgspec.Struct, frozen=True):
    name: Needed[str | None] = ""


class _Pipeline(msgspec.Struct, frozen=True):
    id: Id = ""


class _Deployable(msgspec.Struct, frozen=True):
    """The job that deploys."""

    pipeline: Part[_Pipeline] = _Pipeline()
    web_url: Text = ""
    commit: Part[Commit] = Commit()


class Deployment(msgspec.Struct, frozen=True):
    """A deployment of https://docs.gitlab.com/api/deployments/."""

    id: Id = ""
    ref: Text = ""
    sha: str | None = ""
    status: str | None = ""
    updated_at: Time = 0
    user: Part[User] = User()
    environment: _Environment | None = None
    deployable: Part[_Deployable] = _Deployable()


def deployment(body: bytes, place: Place) -> Event:
    """Make the event of a `deployment` delivery."""
    said = decode(body, _Payload)
    deploy = Deploy(
        # Older versions name only the job that deploys.
        id=said.deployment_id or (f"job-{said.deployable_id}" if said.deployable_id else ""),
        environment=said.environment or "",
        state=_state(said.status),
        ref=said.ref,
        revision=sha(said.commit_url.rsplit("/", 1)[-1]) or sha(said.short_sha),
        actor=account(said.user),
        title=said.commit_title,
        url=said.deployable_url,
        changed=said.status_changed_at,
    )
    return deploy_event(deploy, place)


def deployed(found: Deployment, place: Place, mark: Mark) -> Event:
    """Make the event of a deployment of the API.

    Args:
        found: the deployment.
        place: the project's.
        mark: of the executor that started its pipeline.

    Raises:
        Dropped: the status is no news.
        InvalidEventError: as `make_event`.

    """
    deploy = Deploy(
        id=found.id,
        environment=found.environment.name or "" if found.environment else "",
        state=_state(found.status),
        ref=found.ref,
        revision=sha(found.sha),
        actor=account(found.user),
        title=found.deployable.commit.message,
        url=found.deployable.web_url,
        changed=found.updated_at,
        request=mark.request,
        executor=mark.executor,
    )
    return deploy_event(deploy, place)


def _state(status: str | None) -> str:
    if status not in STATES:
        raise Dropped("deploy-not-news", status or "")
    return STATES[status]
