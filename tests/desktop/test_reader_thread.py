"""The thread that reads the history: order, what is overtaken, and what goes wrong."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QObject
from shiboken6 import delete

from devstream_desktop.history.reader import HistoryUnavailableError


@pytest.fixture
def history(written):
    return written.history


def held_up(history, owner) -> threading.Event:
    """Keep the thread busy until the event is set."""
    go = threading.Event()
    history.ask(lambda _: go.wait(10), lambda _: None, owner=owner)
    return go


def test_it_reads_on_another_thread_and_answers_on_this_one(written, history, pushes):
    written.add(*pushes(3))
    asked, told = [], []
    history.ask(
        lambda reader: asked.append(threading.get_ident()) or reader.count(),
        lambda count: told.append((count, threading.get_ident())),
        owner=history,
    )
    assert told == [], "the answer comes later"
    written.settle()
    assert told == [(3, threading.get_ident())]
    assert asked != [threading.get_ident()]


def test_the_newest_question_of_a_topic_wins_and_the_others_keep_their_order(written, history):
    asked, told = [], []
    owner, other = QObject(), QObject()
    go = held_up(history, owner)
    for number in range(5):
        ask = lambda _, number=number: asked.append(number) or number  # noqa: E731
        history.ask(ask, told.append, owner=owner, topic="search")
    history.ask(lambda _: "merge", told.append, owner=owner)
    history.ask(lambda _: "other window", told.append, owner=other, topic="search")
    history.ask(lambda _: "merge again", told.append, owner=owner)
    go.set()
    written.settle()
    assert told == [4, "merge", "other window", "merge again"]
    assert asked == [4], "what is overtaken is not even read"


def test_an_answer_that_was_overtaken_on_its_way_is_dropped(written, history):
    told = []
    read = threading.Event()
    history.ask(lambda _: read.set() or "old", told.append, owner=history, topic="search")
    assert read.wait(10)
    history.ask(lambda _: "new", told.append, owner=history, topic="search")
    written.settle()
    history.ask(lambda _: "taken back", told.append, owner=history, topic="search")
    history.drop(history, "search")
    written.settle()
    assert told == ["new"]


def test_nobody_is_told_who_is_gone(written, history):
    told, owner = [], QObject()
    go = held_up(history, history)
    history.ask(lambda _: "answer", told.append, owner=owner)
    delete(owner)
    go.set()
    written.settle()
    assert told == []


def test_a_history_that_cannot_be_read_is_a_sentence(written, history):
    told, refused = [], []

    def damaged(_):
        raise HistoryUnavailableError("the disk does not answer")

    history.ask(damaged, told.append, owner=history, refuse=refused.append)
    written.settle()
    assert (told, refused) == ([], ["the disk does not answer"])


def test_a_mistake_of_the_program_is_raised_and_the_thread_goes_on(qtbot, written, history):
    told = []
    with qtbot.captureExceptions() as raised:
        history.ask(lambda _: 1 // 0, told.append, owner=history)
        history.ask(lambda _: "next", told.append, owner=history)
        written.settle()
    assert [error for error, _, _ in raised] == [ZeroDivisionError]
    assert told == ["next"]


def test_it_ends_with_what_runs_and_drops_what_waits(written, history):
    told = []
    go = held_up(history, history)
    history.ask(lambda _: "never", told.append, owner=history)
    threading.Timer(0.02, go.set).start()
    history.close()
    written.settle()
    assert told == []
