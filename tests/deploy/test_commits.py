"""The commits between two revisions, from real repositories."""

from __future__ import annotations

import pytest
from real_git import commit, git

from devstream_desktop.deploy import commits as commits_module
from devstream_desktop.deploy.commits import Commits, parse_commits

pytestmark = pytest.mark.process


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def commits(tmp_path):
    return Commits(tmp_path / "home")


async def test_newest_first_with_author_and_title(commits, repository):
    shas = [
        commit(repository, f"change {n}", author) for n, author in enumerate(("Ana", "Bo", "Cy"))
    ]
    found = await commits.between(str(repository), shas[0], shas[2])
    assert [(one.sha, one.author, one.title) for one in found.commits] == [
        (shas[2], "Cy", "change 2"),
        (shas[1], "Bo", "change 1"),
    ]
    assert (found.backwards, found.more) == (False, 0)
    assert all(one.at > 1_600_000_000_000 for one in found.commits)


async def test_a_way_back_is_told_as_one(commits, repository):
    shas = [commit(repository, f"change {n}") for n in range(3)]
    found = await commits.between(str(repository), shas[2], shas[0])
    assert found.backwards
    assert [one.sha for one in found.commits] == [shas[2], shas[1]]


@pytest.mark.parametrize("remote", [False, True])
async def test_which_commits_a_tip_has(commits, repository, remote, monkeypatch):
    monkeypatch.setattr(commits_module, "_AT_ONCE", 2)
    if remote:
        monkeypatch.setattr(commits_module, "is_remote", lambda _: True)
        git(repository, "config", "uploadpack.allowFilter", "true")
    shas = [commit(repository, f"change {n}") for n in range(3)]
    git(repository, "checkout", "-q", "--orphan", "other")
    apart = commit(repository, "apart")
    place, gone = str(repository), "d" * 40

    async def has(sha, *tips):
        return await commits.are_after(place, sha, tips)

    assert await has(shas[0], shas[2]) is True
    assert await has(shas[0], apart, gone, "e" * 40, shas[1]) is True
    assert await has(shas[2], shas[0], apart) is False
    assert await has(apart, shas[2]) is False
    assert await has(shas[0]) is False
    # Nobody can tell of a commit that is not there.
    assert await has(gone, shas[2]) is None
    assert await has("HEAD", shas[2]) is None
    # A copy is brought up to date for a tip that it does not know.
    new = git(repository, "commit-tree", "-p", shas[2], "-m", "new", f"{shas[2]}^{{tree}}")
    git(repository, "branch", "-f", "main", new)
    assert await has(shas[2], new) is True


async def test_a_merge_is_one_commit_by_its_first_parent(commits, repository):
    first = commit(repository, "first")
    git(repository, "checkout", "-q", "-b", "side")
    commit(repository, "a side")
    git(repository, "checkout", "-q", "main")
    commit(repository, "second")
    git(repository, "merge", "-q", "--no-ff", "-m", "merged", "side")
    found = await commits.between(str(repository), first, git(repository, "rev-parse", "HEAD"))
    assert [one.title for one in found.commits] == ["merged", "second"]


async def test_more_than_are_listed_are_counted(commits, repository, monkeypatch):
    monkeypatch.setattr(commits_module, "MOST_COMMITS", 3)
    shas = [commit(repository, f"change {n}") for n in range(6)]
    found = await commits.between(str(repository), shas[0], shas[5])
    assert (len(found.commits), found.more) == (3, 2)


async def test_what_it_does_not_have_it_cannot_tell(commits, repository, tmp_path):
    sha = commit(repository, "one")
    assert await commits.between(str(repository), "1" * 40, sha) is None
    assert await commits.between(str(repository), "", sha) is None
    assert await commits.between(str(tmp_path / "absent"), sha, sha) is None
    assert await commits.about(str(repository), "1" * 40) is None


async def test_a_part_of_a_hash_is_the_one_commit_that_begins_so(commits, repository):
    sha = commit(repository, "one")
    git(repository, "branch", "deadbeef")
    assert await commits.find(str(repository), sha[:7]) == sha
    assert await commits.find(str(repository), "deadbeef") == "", "a branch is no hash"
    for start in ("", "abc", "--all", "HEAD", "zzzz", "1" * 40):
        assert await commits.find(str(repository), start) == ""


def test_odd_lines_are_passed_over():
    sha = "1" * 40
    good = f"{sha}\0Ana\x001700000000\0Fix it"
    odd = (f"{sha}\0Ana\0x\0Fix", "nonsense", "short\0Ana\x001\0t", f"{sha}\0Ana\x00{'9' * 30}\0t")
    (one,) = parse_commits("\n".join((*odd, good, "")))
    assert (one.sha, one.author, one.at, one.title) == (sha, "Ana", 1_700_000_000_000, "Fix it")
