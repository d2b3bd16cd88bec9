"""Plain git: what `ls-remote` and `log` print, and which events a change of branches is. The commands are run by `intake/git_poll.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from devstream_collectors.before.branches import is_global
from devstream_collectors.before.push import change_key, change_subject
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import Event, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind

LOG_FORMAT = "%H%x1f%ct%x1f%an%x1f%s"
"""One commit a line: hash, committer's time in seconds, author, subject (last, for it may hold anything)."""
_NAME = r"[^\s\x00-\x1f\x7f~^:?*\[\\-][^\s\x00-\x1f\x7f~^:?*\[\\]*"
"""A branch name as `git check-ref-format` allows it: what a hostile remote offers beyond that never reaches a command."""
_REF = re.compile(rf"([0-9a-f]{{40}}|[0-9a-f]{{64}})\trefs/heads/({_NAME})")
_SYMREF = re.compile(rf"ref: refs/heads/({_NAME})\tHEAD")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMPARE = {"github.com": "compare", "gitlab.com": "-/compare", "codeberg.org": "compare"}


@dataclass(frozen=True)
class Heads:
    """The branches of a remote: name to commit, and which is the default (empty: the remote does not say)."""

    branches: Mapping[str, str]
    default: str = ""


@dataclass(frozen=True)
class Commit:
    """One commit, as far as a line needs it. `time` is UTC milliseconds."""

    revision: str
    time: int
    author: str
    title: str


@dataclass(frozen=True)
class Move:
    """A branch that points elsewhere than it did; `old` is empty for a new branch, `new` for one that is gone."""

    branch: str
    old: str
    new: str


def parse_heads(text: str) -> Heads:
    """The output of `git ls-remote --symref URL HEAD refs/heads/*`. Lines of another form are passed over."""
    branches: dict[str, str] = {}
    default = ""
    for line in text.split("\n"):
        if match := _REF.fullmatch(line):
            branches[match[2]] = match[1]
        elif match := _SYMREF.fullmatch(line):
            default = match[1]
    return Heads(branches, default)


def parse_log(text: str) -> list[Commit]:
    """The output of `git log --format=LOG_FORMAT`. Lines of another form are passed over."""
    commits: list[Commit] = []
    for line in text.split("\n"):
        parts = line.split("\x1f", 3)
        if (
            len(parts) == 4
            and _HASH.fullmatch(parts[0])
            and parts[1].isascii()
            and parts[1].isdigit()
            and len(parts[1]) <= 11
        ):
            commits.append(Commit(parts[0], int(parts[1]) * 1000, parts[2], parts[3]))
    return commits


def patterns(heads: Heads, source: SourceInfo, *, working_copy: bool) -> tuple[str, ...]:
    """Which branches count: what is configured, else the default branch; none when the remote has no branch yet.

    In a working copy HEAD is only what is checked out now, so there `main` and `master` come first.
    """
    if source.branches:
        return source.branches
    usual = [name for name in ("main", "master") if name in heads.branches]
    said = [heads.default] if heads.default in heads.branches else []
    return tuple((usual + said if working_copy else said + usual)[:1])


def wanted(heads: Heads, names: tuple[str, ...]) -> dict[str, str]:
    """The branches that match `names` (see `patterns`), and what they point at."""
    return {
        branch: revision
        for branch, revision in sorted(heads.branches.items())
        if is_global(branch, names, "")
    }


def moves(old: Mapping[str, str], new: Mapping[str, str]) -> list[Move]:
    """What changed between two looks at the branches, by name."""
    return [
        Move(name, old.get(name, ""), new.get(name, ""))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def change_event(
    source: SourceInfo,
    scope: str,
    move: Move,
    *,
    forced: bool,
    count: int,
    head: Commit | None,
    now: int,
) -> Event:
    """The one event of a push: how many commits, and the newest one's title and author.

    Args:
        source: whose line it is.
        scope: where the repository is, see `change.remote_scope` and `change.service_scope`.
        move: the branch that changed.
        forced: the new commit does not descend from the old one.
        count: commits that came with it.
        head: the newest commit; none for a deletion.
        now: when it was seen, UTC milliseconds.

    Raises:
        InvalidEventError: as `make_event`.

    """
    state = (
        "deleted"
        if not move.new
        else "created"
        if not move.old
        else "force-pushed"
        if forced
        else "pushed"
    )
    return make_event(
        kind=Kind.CHANGE,
        state=state,
        service=source.service or source.name,
        subject=change_subject(source.service or source.name, move.branch),
        key=change_key(scope, move.branch, state, move.new, move.old),
        time=now,
        ref=short_ref(move.branch),
        revision=move.new,
        previous=move.old,
        number=move.new or move.old,
        count=count,
        actor=head.author if head else "",
        title=head.title if head else "",
        url=_url(scope, move),
        source=source.name,
    )


def backfill_event(source: SourceInfo, scope: str, branch: str, commit: Commit) -> Event:
    """A commit from before the source was known: at its own time, and quiet.

    Raises:
        InvalidEventError: as `make_event`.

    """
    service = source.service or source.name
    return make_event(
        kind=Kind.CHANGE,
        state="pushed",
        service=service,
        subject=change_subject(service, branch),
        key=change_key(scope, branch, "pushed", commit.revision),
        time=commit.time,
        ref=branch,
        revision=commit.revision,
        number=commit.revision,
        count=1,
        actor=commit.author,
        title=commit.title,
        url=_url(scope, Move(branch, "", commit.revision)),
        source=source.name,
        quiet=True,
    )


def _url(scope: str, move: Move) -> str:
    host = scope.split("/", 1)[0]
    if host not in _COMPARE or not move.new:
        return ""
    if not move.old:
        return f"https://{scope}/commit/{move.new}"
    return f"https://{scope}/{_COMPARE[host]}/{move.old}...{move.new}"
