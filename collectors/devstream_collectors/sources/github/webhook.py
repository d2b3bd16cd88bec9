"""GitHub's webhooks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import HEADS, sample_branch
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.sources.github.alert import alert
from devstream_collectors.sources.github.check import check_run, check_suite, page_build, status
from devstream_collectors.sources.github.deploy import deployment_status
from devstream_collectors.sources.github.push import pull_request, push
from devstream_collectors.sources.github.run import workflow_run
from devstream_collectors.sources.github.ticket import issues
from devstream_desktop.stream.event import Event

EVENT = "x-github-event"
_READERS: dict[str, Callable[[Delivery, SourceInfo], Event]] = {
    "push": push,
    "pull_request": pull_request,
    "workflow_run": workflow_run,
    "deployment_status": deployment_status,
    "issues": issues,
    "status": status,
    "check_run": check_run,
    "check_suite": check_suite,
    "page_build": page_build,
    "dependabot_alert": partial(alert, "dependabot"),
    "code_scanning_alert": partial(alert, "code"),
    "secret_scanning_alert": partial(alert, "secret"),
    "repository_vulnerability_alert": partial(alert, "vulnerability"),
}


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    name = delivery.headers.get(EVENT, "")
    read = _READERS.get(name)
    if read is None:
        raise Dropped("ping" if name == "ping" else "event-not-mapped", name)
    return read(delivery, source)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the push of a test, to the first branch that counts."""
    branch = sample_branch(source)
    repository = {
        "name": "devstream-test",
        "html_url": "https://github.com/devstream/devstream-test",
        "default_branch": branch,
    }
    body = {
        "ref": HEADS + branch,
        "before": "1" * 40,
        "after": "2" * 40,
        "head_commit": {"message": "A test of this source"},
        "commits": [{}],
        "repository": repository,
        "sender": {"login": "devstream"},
    }
    return Delivery(headers={EVENT: "push"}, body=msgspec.json.encode(body), received=now)
