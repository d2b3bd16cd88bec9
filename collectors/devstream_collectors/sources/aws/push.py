"""Branches of CodeCommit that moved.

https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import USUAL_BRANCHES
from devstream_collectors.kit.decoding import Id, Needed, Text
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.push import Push, push_event
from devstream_collectors.sources.aws.bridge import Bridge
from devstream_desktop.stream.event import Event


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """A branch or tag that moved."""

    repository_name: Id
    event: Needed[str | None] = ""
    reference_name: Id = ""
    reference_type: Text = ""
    commit_id: Id = ""
    old_commit_id: Id = ""
    caller_user_arn: Text = ""


def branch(event: Bridge, source: SourceInfo, received: int) -> Event:
    """Make the event of a branch that moved.

    Raises:
        Dropped: it is a tag, or not a branch that counts.

    """
    read = event.read(Reference)
    if read.reference_type not in ("branch", ""):
        raise Dropped("tag", read.reference_name)
    gone = read.event == "referenceDeleted"
    push = Push(
        branch=read.reference_name,
        before=read.commit_id if gone and not read.old_commit_id else read.old_commit_id,
        after="" if gone else read.commit_id,
        actor=read.caller_user_arn.rpartition("/")[2],
        time=event.time,
    )
    host = f"git-codecommit.{event.region}.amazonaws.com/v1/repos/{read.repository_name}"
    place = event.place(source, received, read.repository_name, USUAL_BRANCHES)
    return push_event(push, place.at(host, read.repository_name))
