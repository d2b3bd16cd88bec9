"""Following a request whose node goes away: nobody is told to ask twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstream_desktop.cli import deploy_steps
from devstream_desktop.cli.main import main
from devstream_desktop.control.errors import ControlError, NodeStoppedError, SilentError
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("DEVSTREAM_HOME", str(tmp_path / "home"))
    found = Home(tmp_path / "home")
    found.root.mkdir(mode=0o700)
    History(found.history, FeedMirror(None), bytes(32), "team").close()
    return found


def test_a_node_that_stays_away_leaves_the_end_unknown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_steps, "_AWAY_S", 0.0)
    monkeypatch.setattr(deploy_steps, "_RECONNECT_S", 0.0)
    with (
        deploy_steps.Follower(home) as follower,
        pytest.raises(deploy_steps.UnknownEndError, match=r"goes on: abababab; see") as told,
    ):
        follower.follow(["ab" * 16])
    assert told.value.exit_code == 3


def test_an_executor_that_does_not_answer_may_run_it_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_steps, "ANSWER_S", -1.0)
    with (
        deploy_steps.Follower(home) as follower,
        pytest.raises(deploy_steps.UnknownEndError, match="whether it runs is not known") as told,
    ):
        follower._wait_in_time([deploy_steps.Followed("ab" * 16)])
    assert "`devstream deploys`, before you ask again" in str(told.value)


@pytest.mark.parametrize("error", [NodeStoppedError, SilentError])
@pytest.mark.parametrize(
    "words", ["lock --all --reason x", "approve abababab --json", "cancel abababab --no-wait"]
)
def test_what_may_have_been_sent_is_not_to_be_asked_again(
    words: str,
    error: type[ControlError],
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(*_: object) -> None:
        raise error

    monkeypatch.setattr(deploy_steps, "ask", stopped)
    assert main(words.split()) == 3
    assert "may be on its way; look with `devstream deploys`" in capsys.readouterr().err


def test_no_node_that_stopped_asks_for_another_try() -> None:
    assert "try again" not in str(NodeStoppedError())
