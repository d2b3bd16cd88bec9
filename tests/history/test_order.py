"""Newer news about older work: it is stored and shown, and changes nothing."""

from __future__ import annotations

import itertools

import pytest

from devstream_desktop.stream.fact import run_of
from devstream_desktop.stream.line import told
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.words import Kind, Transition


def tell(history, feed, arrival, *events) -> None:
    history.add([arrival(feed.entry(event)) for event in events])


def meanings(reader) -> list[tuple[str, Transition]]:
    lines = reader.page(Query(), superseded=True)[::-1]
    return [(line.event.title, line.transition) for line in lines]


def test_k3_a_result_for_an_older_commit_breaks_nothing(
    history, reader, feed, make, arrival
) -> None:
    newer = make(Kind.BUILD, "succeeded", order=2_001, title="C")
    older = make(Kind.BUILD, "failed", order=1_001, title="B")
    again = make(Kind.BUILD, "failed", order=3_001, title="D")
    tell(history, feed, arrival, newer, older, again)
    assert meanings(reader) == [
        ("C", Transition.NONE),
        ("B", Transition.OUTDATED),
        ("D", Transition.FAILED),
    ]
    lines = {line.event.title: told(line) for line in reader.page(Query())}
    assert lines["B"] == "shop  B FAILED on main · for an older commit"


@pytest.mark.parametrize("first", [1_002, 1_003])
def test_k3_the_last_attempt_of_a_run_is_its_row(
    history, reader, feed, make, arrival, first
) -> None:
    """However they come: the second attempt passed, the first one failed."""
    ends = [
        make(Kind.BUILD, "failed", order=1_001, number="7", title="one"),
        make(Kind.BUILD, "succeeded", order=1_002, number="7", title="two"),
    ]
    tell(history, feed, arrival, *(ends if first == 1_002 else ends[::-1]))
    assert [line.event.title for line in reader.page(Query())] == ["two"]


def test_without_a_number_the_time_of_the_work_decides(
    history, reader, feed, make, arrival
) -> None:
    one = make(Kind.INCIDENT, "resolved", number="7", title="over", time=1_760_000_200_000)
    late = make(Kind.INCIDENT, "firing", number="7", title="fires", time=1_760_000_100_000)
    feed.clock = 1_760_000_300_000 << 16
    tell(history, feed, arrival, one, late)
    assert [line.event.title for line in reader.page(Query())] == ["over"]


def test_equal_subjects_in_two_scopes_are_two_things(history, reader, feed, make, arrival) -> None:
    shops = [
        make(Kind.BUILD, "failed", number="7", title="acme", scope="github.com/acme/shop"),
        make(Kind.BUILD, "succeeded", number="7", title="beta", scope="github.com/beta/shop"),
    ]
    tell(history, feed, arrival, *shops)
    assert meanings(reader) == [("acme", Transition.FAILED), ("beta", Transition.NONE)]
    assert [line.event.title for line in reader.page(Query())] == ["beta", "acme"]
    assert [line.event.title for line in reader.subject(shops[0])] == ["acme"]


def test_rows_of_an_older_version_go_on_in_their_scope(
    history, reader, feed, make, arrival
) -> None:
    subject = {"subject": "incident/shop/disk", "number": "7"}
    firing = make(Kind.INCIDENT, "firing", title="old", **subject)
    over = make(Kind.INCIDENT, "resolved", title="new", scope="am.example.org", **subject)
    tell(history, feed, arrival, firing)
    tell(history, feed, arrival, over)
    assert meanings(reader) == [("old", Transition.NEW), ("new", Transition.FIXED)]
    assert [line.event.title for line in reader.page(Query())] == ["new"]


def test_only_what_is_observed_has_a_scope(make) -> None:
    """An executor cannot take its answer out of the row of the request by naming one."""
    deploy = {"request": "ab" * 16, "executor": "e", "subject": "deploy/shop/production/1"}
    plain, scoped = (
        make(Kind.DEPLOY, "success", scope=scope, order=9, **deploy) for scope in ("", "x")
    )
    assert run_of(plain) == run_of(scoped)


def test_the_order_of_arrival_changes_no_meaning(
    open_history, reader, new_feed, make, arrival, tmp_path
) -> None:
    told_events = [
        make(Kind.BUILD, state, order=order, title=f"{n}", number=str(order))
        for n, (state, order) in enumerate(
            [("failed", 1), ("succeeded", 3), ("failed", 2), ("failed", 4), ("succeeded", 4)]
        )
    ]
    entries = [
        new_feed().entry(event, clock=(5000 + n) << 16) for n, event in enumerate(told_events)
    ]
    seen = set()
    for order in itertools.islice(itertools.permutations(entries), 0, 120, 7):
        for file in tmp_path.glob("history.sqlite*"):
            file.unlink()
        history = open_history()
        for entry in order:
            history.add([arrival(entry)])
        reader.close()
        seen.add(tuple(meanings(reader)))
        history.close()
    reader.close()
    assert len(seen) == 1
