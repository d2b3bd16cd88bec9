"""Issues of Gitea, Forgejo and Gogs, asked: new ones, and those closed or reopened."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Many, Part, Text, decode, milliseconds
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Step
from devstream_collectors.sources.gitea.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.gitea.lists import ask_list, ask_older
from devstream_collectors.sources.gitea.place import User, account
from devstream_collectors.sources.gitea.ticket import Issue, step

_STEPS = {"close": "closed", "reopen": "reopened"}


class _Entry(msgspec.Struct, frozen=True):
    """A thing that happened to an issue; `type` may be `close` or `reopen`."""

    type: Text = ""
    user: Part[User] = User()
    created_at: str | None = ""


def asked(known: Cursor, source: SourceInfo) -> Iterable[Request]:
    """Ask for the issues changed since the last round."""
    yield ask_list(source, Step("issues", new=known.updated))


@poller.answer("issues")
def _issues(answer: Answer[Cursor]) -> Polled:
    known, place = answer.known, place_of(answer)
    # Where they are switched off, or nothing answers, it is not known what there is.
    if not answer.ok:
        return answer.polled()
    found = answer.decode(list[Issue])
    bodies = [body for body in found if body.pull_request is None]
    # What was known before the first page.
    before = answer.step.new
    since = milliseconds(before)
    since_opened = int(answer.step.old or known.opened)
    makers = [
        partial(step, body, "opened", account(body.user), place)
        for body in reversed(bodies)
        if 0 < since_opened < milliseconds(body.created_at)
    ]
    # Only its timeline says whether it was closed or reopened, and by whom.
    follow = [
        ask_of(
            answer.source,
            f"/issues/{body.number}/timeline",
            Step("timeline", old=before, new=_small(body)),
            {"since": before},
        )
        for body in bodies
        if since and milliseconds(body.updated_at) > since
    ]
    created = [milliseconds(body.created_at) for body in bodies]
    updated = [body.updated_at or "" for body in bodies]
    # The service leaves out what is not newer.
    times = [0] * len(found)
    more, gap = ask_older(answer, "issues", times, since_opened, 0, unseen=since > 0)
    return answer.polled(
        makers,
        (*follow, *more),
        gap,
        opened=max([known.opened or 1, *created]),
        updated=max([known.updated, *updated], key=milliseconds),
    )


@poller.answer("timeline")
def _timeline(answer: Answer[Cursor]) -> Polled:
    place, since = place_of(answer), milliseconds(answer.step.old)
    body = decode(answer.step.new, Issue)
    entries = [
        entry
        for entry in answer.decode(Many[_Entry])
        if entry.type in _STEPS and milliseconds(entry.created_at) > since
    ]
    makers: list[Maker] = []
    for entry in entries:
        # When it closed last is in the issue, as the webhook says it; of what was before, the
        # timeline knows.
        told = body if entry is entries[-1] else msgspec.structs.replace(body, closed_at="")
        who, at = account(entry.user), entry.created_at or ""
        makers.append(partial(step, told, _STEPS[entry.type], who, place, at))
    return answer.polled(makers)


def _small(body: Issue) -> str:
    """Write the part of an issue that a line needs."""
    small = msgspec.structs.replace(body, user=User(), title=body.title[:200])
    return msgspec.json.encode(small).decode()
