"""The link never waits, tells what is new, and says in a sentence why a command has no answer."""

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
from devstream_desktop.home import Home


@pytest.fixture
def link(qtbot, home):
    link = NodeClient(Home(home).control_url())
    yield link
    link.close()


@pytest.fixture
def asked(link):
    answers: list[object] = []

    def ask(request):
        link.request(request, answers.append, answers.append)
        return answers

    return ask


def test_it_connects_to_a_node_that_comes_later(qtbot, link, node):
    link.open()
    assert not link.is_connected
    with qtbot.waitSignals([link.connected, link.news, link.status_changed], timeout=8_000):
        node.start()
    assert link.is_connected


def test_news_and_status_changes_are_told_apart(qtbot, link, node, story):
    node.start()
    with qtbot.waitSignal(link.status_changed, timeout=8_000):
        link.open()
    with qtbot.waitSignal(link.news, timeout=8_000) as news, qtbot.assertNotEmitted(link.status_changed):
        had = node.add(story.push("shop", int(time.time() * 1000), "bo", "T", "ab" * 20))
    assert news.args == [had.newest]
    with qtbot.waitSignal(link.status_changed, timeout=8_000):
        node.order(status={"on_duty": False})


def test_commands_are_answered_in_turn_beside_the_poll(qtbot, link, node, asked):
    node.start()
    link.open()
    asked(GetStatus())
    asked(SetDuty(on=False))
    answers = asked(GetStatus())
    qtbot.waitUntil(lambda: len(answers) == 3, timeout=8_000)
    first, done, last = answers
    assert (first.on_duty, done, last.on_duty) == (True, Done(), False)


def test_a_refusal_is_its_sentence(qtbot, link, node, asked):
    node.start()
    node.order(refuse={"SetDuty": "the disk is full; free some space"})
    link.open()
    answers = asked(SetDuty(on=False))
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)
    assert answers == ["the disk is full; free some space"]


class Mistaken(Request[Plan], frozen=True, tag="GetStatus", kw_only=True):
    """Expects another answer than the node gives to this tag."""


def test_a_wrong_answer_is_a_sentence(qtbot, link, node, asked):
    node.start()
    link.open()
    answers = asked(Mistaken())
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)
    assert "where Plan was asked" in answers[0]


def test_a_node_that_goes_away_fails_what_it_was_asked_and_is_found_again(qtbot, link, node, asked, monkeypatch):
    node.start()
    link.open()
    qtbot.waitUntil(lambda: link.is_connected, timeout=8_000)
    with qtbot.waitSignal(link.connected, timeout=8_000) as connected:
        node.process.kill()
        node.process.wait(5)
    assert connected.args == [False]
    answers = asked(PlanDeploy(target="shop", environment="staging", ref="main"))
    with qtbot.waitSignal(link.connected, timeout=8_000):
        node.start()
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)  # it had waited for the node
    assert isinstance(answers[0], Plan)


def test_without_a_node_a_command_says_so_in_time(qtbot, link, asked, monkeypatch):
    monkeypatch.setattr("devstream_desktop.desktop.client.node_client._QUEUE_S", 0.2)
    link.open()
    answers = asked(GetStatus())
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=2_000)
    assert answers == ["the node of this desk is not running yet; wait a moment and ask again"]


def test_whoever_asked_and_is_gone_is_not_answered(qtbot, link, node, asked):
    node.start()
    link.open()
    owner = QObject()
    late: list[object] = []
    link.request(GetStatus(), late.append, late.append, owner=owner)
    delete(owner)
    answers = asked(GetStatus())
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=8_000)
    assert late == []
