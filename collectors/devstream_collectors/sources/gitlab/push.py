"""GitLab's pushes and merged merge requests."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.branches import HEADS
from devstream_collectors.kit.decoding import (
    Id,
    Loose,
    Needed,
    Part,
    Text,
    decode,
    milliseconds,
    person,
    sha,
)
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.push import Merge, Push, counted, merge_event, push_event
from devstream_collectors.sources.gitlab.place import Commit, Payload, User, account
from devstream_desktop.stream.event import Event


class _Push(Payload, frozen=True):
    """`push`. `commits` are the newest twenty at most."""

    ref: Needed[str | None] = ""
    before: Needed[str | None] = ""
    after: Needed[str | None] = ""
    user_username: Text = ""
    user_name: Text = ""
    commits: list[Commit] | None = None
    total_commits_count: Loose = None


class MergeRequest(msgspec.Struct, frozen=True):
    """A merge request, also in the API.

    `last_commit` is only in webhooks, `sha`, `merged_at` and the users only in the API.
    """

    iid: Id = ""
    title: Text = ""
    action: str | None = ""
    state: str | None = ""
    target_branch: Needed[str | None] = ""
    merge_commit_sha: str | None = ""
    squash_commit_sha: str | None = ""
    sha: str | None = ""
    last_commit: Commit | None = None
    updated_at: str | None = ""
    merged_at: str | None = ""
    merged_by: Part[User] = User()
    merge_user: Part[User] = User()
    url: Text = ""
    web_url: Text = ""


class _MergePayload(Payload, frozen=True):
    object_attributes: MergeRequest | None = None


class _PushData(msgspec.Struct, frozen=True):
    """The push of an event; of one that moved many references nothing but their number."""

    commit_count: Loose = None
    ref_type: Needed[str | None] = ""
    ref: Needed[str | None] = ""
    commit_from: Needed[str | None] = ""
    commit_to: Needed[str | None] = ""
    commit_title: Text = ""


class ProjectEvent(msgspec.Struct, frozen=True):
    """An entry of https://docs.gitlab.com/api/events/#list-all-visible-events-for-a-project."""

    target_iid: Id = ""
    created_at: str | None = ""
    author: Part[User] = User()
    author_username: Text = ""
    push_data: _PushData | None = None

    @property
    def actor(self) -> str:
        """The name of the account that did it."""
        return account(self.author) or self.author_username


def push(body: bytes, place: Place) -> Event:
    """Make the event of a `push` delivery."""
    said = decode(body, _Push)
    if not (said.ref or "").startswith(HEADS):
        raise Dropped("not-a-branch", said.ref or "")
    before, after, commits = sha(said.before), sha(said.after), said.commits or []
    newest = commits[-1] if commits else Commit()
    head = next((commit for commit in commits if commit.id == after), newest)
    # GitLab does not say that a push was forced.
    found = Push(
        branch=said.ref or "",
        before=before,
        after=after,
        actor=person(said.user_username, said.user_name),
        title=head.message,
        count=counted(said.total_commits_count, commits),
        url=_page(said.page, before, after),
    )
    return push_event(found, place)


def push_of(entry: ProjectEvent, page: str, place: Place) -> Event:
    """Make the event of a push that the project's events tell.

    Args:
        entry: of the list.
        page: the project's own address.
        place: the project's.

    Raises:
        Dropped: it moved no branch that counts, or many.
        InvalidEventError: as `make_event`.

    """
    data = entry.push_data
    if data is None or not data.ref:
        # GitLab says only how many when one push moved many; plain git says which.
        raise Dropped("push-of-many-branches")
    if data.ref_type != "branch":
        raise Dropped("not-a-branch", data.ref)
    before, after = sha(data.commit_from), sha(data.commit_to)
    found = Push(
        branch=HEADS + data.ref,
        before=before,
        after=after,
        actor=entry.actor,
        title=data.commit_title,
        count=counted(data.commit_count, None),
        url=_page(page, before, after),
        time=milliseconds(entry.created_at),
    )
    return push_event(found, place)


def merge_request(body: bytes, place: Place) -> Event:
    """Make the event of a `merge_request` delivery."""
    said = decode(body, _MergePayload)
    found = said.object_attributes
    if found is None:
        raise Dropped("unexpected-shape", "no object_attributes")
    if (found.action or found.state) not in ("merge", "merged"):
        raise Dropped("pull-request-not-merged", found.action or found.state or "")
    return merged(found, account(said.user), place)


def merged(found: MergeRequest, actor: str, place: Place) -> Event:
    """Make the event of a merged merge request.

    Raises:
        Dropped: not into a branch that counts.
        InvalidEventError: as `make_event`.

    """
    last = found.last_commit.id if found.last_commit else None
    merge = Merge(
        number=found.iid,
        mark="!",
        branch=found.target_branch or "",
        # A fast-forward makes no commit of its own.
        revision=sha(found.merge_commit_sha)
        or sha(found.squash_commit_sha)
        or sha(last if isinstance(last, str) else found.sha),
        title=found.title,
        actor=actor,
        url=found.url or found.web_url,
        time=milliseconds(found.merged_at or found.updated_at),
    )
    return merge_event(merge, place)


def _page(project: str, before: str, after: str) -> str:
    """Return the page that shows a push; empty when there is nothing to show."""
    if not project or not after:
        return ""
    path = f"compare/{before}...{after}" if before else f"commit/{after}"
    return f"{project}/-/{path}"
