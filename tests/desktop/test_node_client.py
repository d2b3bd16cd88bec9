"""The client never blocks, reports news, and explains why a command has no answer."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QObject
from shiboken6 import delete

from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.deploys import Plan, PlanDeploy
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.desktop.client.node_client import NodeClient
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.home import Home

pytestmark = pytest.mark.process


@pytest.fixture
def client(qtbot, home):
    client = NodeClient(Home(home).control_url())
    yield client
    client.close()


@pytest.fixture
def asked(client):
    answers: list[object] = []

    def ask(request):
        client.ask(Question(request, answers.append, answers.append, client))
        return answers

    return ask


def test_it_connects_to_a_node_that_comes_later(qtbot, client, node):
    client.open()
    assert not client.is_connected
    with qtbot.waitSignals([client.connected, client.news, client.status_changed], timeout=8_000):
        node.start()
    assert client.is_connected


def test_news_and_status_changes_are_told_apart(qtbot, client, node, story):
    node.start()
    with qtbot.waitSignal(client.status_changed, timeout=8_000):
        client.open()
    with (
        qtbot.waitSignal(client.news, timeout=8_000) as news,
        qtbot.assertNotEmitted(client.status_changed),
    ):
        had = node.add(story.push("shop", int(time.time() * 1000), "bo", "T", "ab" * 20))
    assert news.args == [had.newest]
    with qtbot.waitSignal(client.status_changed, timeout=8_000):
        node.order(status={"on_duty": False})


def test_commands_are_answered_in_turn_beside_the_poll(qtbot, client, node, asked):
    node.start()
    client.open()
    asked(GetStatus())
    asked(SetDuty(on=False))
    answers = asked(GetStatus())
    qtbot.waitUntil(lambda: len(answers) == 3, timeout=8_000)
    first, done, last = answers
    assert (first.on_duty, done, last.on_duty) == (True, Done(), False)


def test_a_refusal_is_its_sentence(qtbot, client, node, asked):
    node.start()
    node.order(refuse={"SetDuty": "the disk is full; free some space"})
    client.open()
    answers = asked(SetDuty(on=False))
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)
    assert answers == ["the disk is full; free some space"]


def test_the_number_of_a_very_long_history_is_told_whole(client):
    told = []
    client.news.connect(told.append)
    client.news.emit(2**33 + 1)
    assert told == [2**33 + 1]


class Mistaken(Request[Plan], frozen=True, tag="GetStatus", kw_only=True):
    """Expects another answer than the node gives to this tag."""


def test_a_wrong_answer_is_a_sentence(qtbot, client, node, asked):
    node.start()
    client.open()
    answers = asked(Mistaken())
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)
    assert "where Plan was asked" in answers[0]


def test_a_node_that_goes_away_fails_what_it_was_asked_and_is_found_again(
    qtbot, client, node, asked, monkeypatch
):
    node.start()
    client.open()
    qtbot.waitUntil(lambda: client.is_connected, timeout=8_000)
    with qtbot.waitSignal(client.connected, timeout=8_000) as connected:
        node.process.kill()
        node.process.wait(5)
    assert connected.args == [False]
    answers = asked(PlanDeploy(target="shop", environment="staging", ref="main"))
    with qtbot.waitSignal(client.connected, timeout=8_000):
        node.start()
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)  # it had waited for the node
    assert isinstance(answers[0], Plan)


def test_without_a_node_a_command_says_so_in_time(qtbot, client, asked, monkeypatch):
    monkeypatch.setattr("devstream_desktop.desktop.client.node_client._QUEUE_S", 0.2)
    client.open()
    answers = asked(GetStatus())
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=20_000)
    assert answers == ["the node is not running yet; wait a moment and try again"]


def test_whoever_asked_and_is_gone_is_not_answered(qtbot, client, node, asked):
    node.start()
    client.open()
    owner = QObject()
    late: list[object] = []
    client.ask(Question(GetStatus(), late.append, late.append, owner))
    delete(owner)
    answers = asked(GetStatus())
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)
    assert late == []
