"""A collector whose intake did not start says why, whatever it is asked about its sources."""

from __future__ import annotations

import json
import socket

import pytest
from real_git import git

pytestmark = pytest.mark.process


@pytest.fixture
def ana(world, tmp_path):
    """A founder with one source, whose node does not run."""
    desk = world.desk("ana")
    desk.run("team", "create", "acme", "--person", "ana")
    (tmp_path / "shop").mkdir()
    git(tmp_path / "shop", "init", "-q", "-b", "main")
    desk.run("source", "add", "git", "shop", str(tmp_path / "shop"))
    return desk


def test_a_port_that_is_taken_is_the_answer_until_it_is_free(ana, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ana.start("--intake", f"127.0.0.1:{port}")
        (source,) = json.loads(ana.run("source", "list", "--json"))
        assert (source["name"], source["state"]) == ("shop", "broken")
        assert f"127.0.0.1:{port}" in source["error"]
        for words in (
            ("add", "git", "cart", str(tmp_path / "shop")),
            ("test", "shop"),
            ("unmatched",),
            ("remove", "shop"),
        ):
            said = ana.run("source", *words, code=1)
            assert f"127.0.0.1:{port}" in said
            assert "team grant" not in said
    # It is tried again by whoever asks.
    ana.run("source", "add", "git", "cart", str(tmp_path / "shop"))
    assert {one.name for one in ana.status().sources} == {"shop", "cart"}
    assert not ana.status().notices


def test_a_mistake_in_the_sources_is_the_answer_until_it_is_mended(ana, tmp_path) -> None:
    right = ana.home.sources.read_text()
    ana.home.sources.write_text(right + "[nonsense\n")
    ana.start()
    for words in (("list",), ("remove", "shop"), ("test", "shop")):
        said = ana.run("source", *words, code=1)
        assert "sources.toml" in said
        assert "team grant" not in said
    ana.home.sources.write_text(right)
    assert "removed" in ana.run("source", "remove", "shop")


def test_who_is_no_collector_is_told_so(world) -> None:
    _, bob = world.team("bob")
    assert "team grant" in bob.run("source", "remove", "shop", code=1)
