"""The board's context menu: deploy, promote and roll back where there is a target."""

from __future__ import annotations

import time

import msgspec
import pytest

from devstream_desktop.control.messages.deploys import Targets
from devstream_desktop.desktop.windows.board.page import BoardPage
from devstream_desktop.desktop.windows.board.texts import Part, waiting_text
from devstream_desktop.desktop.windows.board.view import fitting
from devstream_desktop.desktop.windows.deploy.actions import PROMOTE
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.thing import Cell, Running


@pytest.fixture
def page(qtbot, written, story, fake):
    """A board with a deploy of the shop to production, and these targets."""
    now = int(time.time() * 1000)
    written.add(story.deploy("shop", now - 1000, "success", "ab" * 20, "cd" * 16))

    def make(*environments: str, allowed: bool = True) -> BoardPage:
        written.state.targets = Targets(
            targets=tuple(
                msgspec.structs.replace(fake.TARGETS[0], environment=name, allowed=allowed)
                for name in environments
            )
        )
        shown = BoardPage(written.state)
        qtbot.addWidget(shown)
        shown.show()
        qtbot.waitUntil(lambda: shown.model.rowCount() == 1)
        return shown

    return make


def texts(page: BoardPage) -> dict[str, object]:
    """The visible entries of the menu of the first environment."""
    menu = page.menu_of(page.model.index(0, 1))
    return {action.text(): action for action in menu.actions() if action.isVisible()}


def test_what_runs_before_can_be_promoted(qtbot, page) -> None:
    shown = page("staging", "production")
    found = texts(shown)
    assert list(found) == [
        "Show what happened there",
        "Deploy to production…",
        "Promote to production…",
        "Roll back in production…",
    ]
    with qtbot.waitSignal(shown.deploy_chosen) as chosen:
        found["Promote to production…"].trigger()
    assert (chosen.args[0].environment, chosen.args[1]) == ("production", PROMOTE)


def test_a_place_with_spaces_in_its_name_is_searched_as_one(qtbot, page, written, story) -> None:
    at = int(time.time() * 1000)
    where = "Preview – shop"
    written.add(story.deploy("shop", at, "success", "ab" * 20, "ef" * 16, where=where))
    shown = page("production")
    shown.refresh()
    qtbot.waitUntil(lambda: len(shown.model.board.environments) == 2)
    places = [shown.model.index(0, column) for column in (1, 2)]
    named = {shown.model.place(index)[1]: index for index in places}
    (spaced,) = set(named) - {"production"}
    with qtbot.waitSignal(shown.opened) as opened:
        shown.view.doubleClicked.emit(named[spaced])
    query = parse_query(opened.args[0])
    assert (query.service, query.environment, query.words) == ("shop", spaced, ())


def test_where_there_is_one_environment_nothing_is_promoted(page) -> None:
    assert "Promote to production…" not in texts(page("production"))


def test_who_may_not_deploy_may_not_promote(page) -> None:
    found = texts(page("staging", "production", allowed=False))
    assert not found["Promote to production…"].isEnabled()
    assert found["Show what happened there"].isEnabled()


@pytest.mark.parametrize(("count", "said"), [(1, "1 change"), (98, "98 changes")])
def test_what_waits_is_counted(story, count, said):
    line = story.line_of(story.deploy("shop", 1, "success", "ab" * 20, "cd" * 16))
    cell = Cell("shop", "production", running=Running(line), waiting=count)
    assert waiting_text(cell).first[0].text == said


def test_the_highest_count_stands_for_more(story):
    line = story.line_of(story.deploy("shop", 1, "success", "ab" * 20, "cd" * 16))
    cell = Cell("shop", "production", running=Running(line), waiting=99)
    assert waiting_text(cell).first[0].text == "99+ changes"


def test_a_part_that_would_be_cut_to_nothing_is_left_out(qtbot, page):
    shown = page("production")
    font = shown.view.font()
    long, short = Part("5xx over 2 % of all requests"), Part("chen is on it")
    assert fitting((long, short), 600, font) == (long, short)
    assert fitting((long, short), 200, font) == (long,)
    assert fitting((long,), 60, font) == (long,), "the first is cut, and never left out"
