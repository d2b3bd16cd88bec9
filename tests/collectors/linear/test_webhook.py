"""Linear by webhook: a ticket is one row, told when it is opened, closed or reopened."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import linear
from devstream_desktop.stream.line import render

QA = SourceInfo("qa")


@pytest.fixture
def sent(reader):
    return reader("linear", linear.normalise, source=QA)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("create", "Shop  Eva opened SHOP-912 · urgent — Coupon applied twice"),
        ("done", "Shop  Ana closed SHOP-912 · Done — Coupon applied twice"),
        ("reopened", "Shop  Bo reopened SHOP-912 · urgent — Coupon applied twice"),
        ("remove", "Shop  Ana closed SHOP-912 · deleted — Coupon applied twice"),
    ],
)
def test_lines(sent, name, line):
    assert render(sent.event(name)) == line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("started", "status-not-news"),
        ("renamed", "ticket-not-news"),
        ("comment", "event-not-mapped"),
    ],
)
def test_what_is_no_news(sent, name, reason):
    assert sent.dropped(name) == reason


def test_the_steps_of_a_ticket_are_one_row_and_different_facts(sent):
    made = [sent.event(name) for name in ("create", "done", "reopened")]
    assert len({(one.subject, one.number) for one in made}) == 1
    assert len({one.key for one in made}) == len(made)
    assert {one.kind for one in made} == {"ticket"}


def test_address(sent):
    assert sent.event("create").url == "https://linear.app/acme/issue/SHOP-912/coupon-applied-twice"


def test_the_sample_makes_a_line():
    (made,) = linear.normalise(linear.sample(QA, RECEIVED), QA).events
    assert_event(made, state="opened", service="devstream-test", time=RECEIVED)


@pytest.mark.parametrize("body", [b"{}", b'{"type": "odd.created"}', b'{"issue": null}'])
def test_what_is_not_mapped_is_dropped_by_name(body):
    assert linear.normalise(Delivery({}, body, RECEIVED), QA).dropped == "event-not-mapped"


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        linear.normalise, [Delivery({}, body, RECEIVED) for body in samples("linear").values()], QA
    )
