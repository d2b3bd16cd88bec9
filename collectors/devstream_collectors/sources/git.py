"""Plain git: the branches of a repository, by path or URL, and the commits that moved them.

Here is how git's output is read and what becomes of it. The commands are run in
`intake/poll/git_poller.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from devstream_collectors.contract import Collector, Git, SourceInfo
from devstream_collectors.kit.branches import HEADS, Moved, is_global
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.push import Push, push_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

COLLECTOR = Collector(
    title="a git repository, by path or URL, polled",
    setup="""\
Only branches that count make lines: those that --branch names, else the default branch.
For a password use git's credential helper, or an SSH key of the user that runs the node: \
devstream asks git, and never prompts.
For a repository that you host, copy post-receive into its folder hooks (`devstream paths` \
names where it is). It tells \
the node of each push at once, and never holds a push up.""",
    kinds=(Kind.CHANGE,),
    git=Git(),
)
LOG_FORMAT = "%H%x1f%ct%x1f%an%x1f%s"
"""One commit a line: hash, committer's time in seconds, author, subject.

The subject is last, for it may hold anything.
"""
MAX_NAME = 255
"""Characters of a branch name; git itself has no limit but a file's."""
_NOT_IN_NAMES = re.compile(r"[\s\x00-\x1f\x7f~^:?*\[\\\ufffd]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|\.\Z")
"""Parts that git forbids in names, and the sign for undecodable bytes.

See `git check-ref-format`.
"""
_SYMBOLIC = f"ref: {HEADS}"
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMPARE = {"github.com": "compare", "gitlab.com": "-/compare", "codeberg.org": "compare"}


@dataclass(frozen=True)
class Heads:
    """The branches of a remote: name to commit, and the default one (empty: it does not say)."""

    branches: Mapping[str, str]
    default: str = ""
    odd: tuple[str, ...] = ()
    """Names that cannot be asked for: what breaks git's rules reaches no command."""


@dataclass(frozen=True)
class Commit:
    """One commit, as far as a line needs it. `time` is UTC milliseconds."""

    revision: str
    time: int
    author: str
    title: str


def parse_heads(text: str) -> Heads:
    """Read the output of `git ls-remote --symref URL HEAD refs/heads/*`.

    Lines of another form are passed over.
    """
    branches: dict[str, str] = {}
    odd: list[str] = []
    default = ""
    for line in text.split("\n"):
        revision, _, ref = line.partition("\t")
        if _HASH.fullmatch(revision) and ref.startswith(HEADS):
            name = ref.removeprefix(HEADS)
            if is_name(name):
                branches[name] = revision
            else:
                odd.append(name)
        elif ref == "HEAD" and revision.startswith(_SYMBOLIC):
            default = revision.removeprefix(_SYMBOLIC)
    return Heads(branches, default, tuple(odd))


def is_name(name: str) -> bool:
    """Tell whether a branch of this name can be asked for."""
    return (
        0 < len(name) <= MAX_NAME
        and name[0] not in "-./"
        and name[-1] != "/"
        and name != "@"
        and not _NOT_IN_NAMES.search(name)
    )


def parse_log(text: str) -> list[Commit]:
    """Read the output of `git log --format=LOG_FORMAT`. Lines of another form are passed over."""
    commits: list[Commit] = []
    for line in text.split("\n"):
        parts = line.split("\x1f", 3)
        if len(parts) != 4 or not _HASH.fullmatch(parts[0]):
            continue
        seconds = parts[1]
        if seconds.isascii() and seconds.isdigit() and len(seconds) <= 11:
            commits.append(Commit(parts[0], int(seconds) * 1000, parts[2], parts[3]))
    return commits


def patterns(heads: Heads, source: SourceInfo, *, working_copy: bool) -> tuple[str, ...]:
    """Return the branches that count, as names or globs.

    They are what is configured, else the default branch; none when the remote has no branch yet. In
    a working copy HEAD is only what is checked out now, so there `main` and `master` come first.
    """
    if source.branches:
        return source.branches
    usual = [name for name in ("main", "master") if name in heads.branches]
    said = [heads.default] if heads.default in heads.branches else []
    return tuple((usual + said if working_copy else said + usual)[:1])


def wanted(heads: Heads, names: tuple[str, ...]) -> dict[str, str]:
    """Return the branches that match `names` (see `patterns`), and their commits."""
    return {
        branch: revision
        for branch, revision in sorted(heads.branches.items())
        if is_global(branch, names)
    }


def change_event(
    source: SourceInfo,
    scope: str,
    move: Moved,
    *,
    forced: bool,
    count: int | None,
    head: Commit | None,
    now: int,
) -> Event:
    """Make the one event of a push: how many commits, and the newest one's title and author.

    Args:
        source: for which.
        scope: where the repository is, see `place.remote_scope` and `place.service_scope`.
        move: the branch that changed.
        forced: the new commit does not descend from the old one.
        count: commits that came with it; 0 of a branch that was set back, None when unknown.
        head: the newest commit; none for a deletion.
        now: when it was seen, UTC milliseconds.

    Raises:
        InvalidEventError: as `make_event`.

    """
    push = Push(
        branch=move.branch,
        before=move.old,
        after=move.new,
        forced=forced,
        actor=head.author if head else "",
        title=head.title if head else "",
        count=count,
        url=_url(scope, move),
    )
    # The poller asks for no other branches than those that count.
    return push_event(push, Place(source, now, scope, default_branches=()))


def backfill_event(source: SourceInfo, scope: str, branch: str, commit: Commit) -> Event:
    """Make the event of a commit from before the source was known: at its own time, and quiet.

    Raises:
        InvalidEventError: as `make_event`.

    """
    push = Push(
        branch=branch,
        before="",
        after=commit.revision,
        actor=commit.author,
        title=commit.title,
        count=1,
        url=_url(scope, Moved(branch, "", commit.revision)),
    )
    place = Place(source, commit.time, scope, default_branches=())
    event = push_event(push, place)
    # It made no branch: what was there before it is not looked at.
    return msgspec.structs.replace(event, state="pushed", quiet=True)


def _url(scope: str, move: Moved) -> str:
    host = scope.split("/", 1)[0]
    if host not in _COMPARE or not move.new:
        return ""
    if not move.old:
        return f"https://{scope}/commit/{move.new}"
    return f"https://{scope}/{_COMPARE[host]}/{move.old}...{move.new}"
