"""The refs that a repository says it has, asked of real git."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_git import git

from devstream_desktop.deploy.repository import is_remote, look_up, parse_tips

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a repository")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    git(folder, "branch", "feature/main")
    git(folder, "tag", "-a", "v1", "-m", "one")
    git(folder, "commit", "-q", "--allow-empty", "-m", "two")
    return folder


async def test_named_refs_and_nothing_else(repository):
    tips = await look_up(str(repository), ("refs/heads/main", "refs/tags/main"))
    assert tips.trouble == ""
    assert tips.commits == {"refs/heads/main": git(repository, "rev-parse", "main")}


async def test_an_annotated_tag_is_its_commit(repository):
    tips = await look_up(str(repository), ("refs/heads/v1", "refs/tags/v1"))
    assert tips.commits == {"refs/tags/v1": git(repository, "rev-parse", "v1^{commit}")}


async def test_all_refs(repository):
    assert set((await look_up(str(repository), ())).commits) == {
        "refs/heads/main",
        "refs/heads/feature/main",
        "refs/tags/v1",
    }


async def test_a_repository_that_is_not_there_is_trouble(tmp_path):
    tips = await look_up(str(tmp_path / "absent"), ("refs/heads/main",))
    assert tips.commits == {}
    assert tips.trouble.startswith("git says: ")


async def test_a_repository_cannot_be_a_command(tmp_path):
    made = tmp_path / "made"
    tips = await look_up(f"ext::touch {made}", ("refs/heads/main",))
    assert "not allowed" in tips.trouble
    tips = await look_up(f"--upload-pack=touch {made}", ())
    assert tips.trouble
    assert not made.exists()


async def test_a_repository_that_hangs_is_given_up(tmp_path, monkeypatch):
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sleep 300\n")
    ssh.chmod(0o700)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    tips = await look_up("ssh://git.invalid/x", ("refs/heads/main",), timeout_s=0.3)
    assert tips.trouble == "the repository did not answer within 0.3 seconds"


async def test_a_surrounding_repository_does_not_answer_for_it(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert (await look_up(str(repository), ("refs/heads/main",))).trouble == ""


@given(st.text())
def test_any_output_is_parsed(text):
    assert all(len(commit) == 40 for commit in parse_tips(text).values())


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("https://git.example.org/acme/shop.git", True),
        ("ssh://git@git.example.org/acme/shop.git", True),
        ("git@git.example.org:acme/shop.git", True),
        ("", False),
        ("/srv/git/shop.git", False),
        ("file:///srv/git/shop.git", False),
        ("ext::sh -c id", False),
        ("git@host::sh -c id", False),
        ("--upload-pack=id", False),
        ("ssh://-oProxyCommand=id/x", False),
        ("-oProxyCommand=id@host:x", False),
        ("git@-oProxyCommand=id:x", False),
    ],
)
def test_an_address_that_an_executor_offers_is_asked_only_where_it_is_one(address, remote) -> None:
    """Every member's node asks it when a deploy is planned."""
    assert is_remote(address) is remote
