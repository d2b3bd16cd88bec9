"""The lines that are read: one row a fact, in time order.

Each has its meaning, and is found by its words.
"""

from __future__ import annotations

import itertools
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstream_desktop.history import search_index
from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.reader import Reader
from devstream_desktop.history.search_index import GROUP, PORTION
from devstream_desktop.stream.entry import device_id, parse_entry
from devstream_desktop.stream.fact import event_of, fact_id
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.words import Kind, Transition


def add(history, arrival, entries, sender="peer") -> None:
    history.add([arrival(entry, sender) for entry in entries])


def test_rows_are_newest_first_in_whatever_order_they_came(
    history, reader, feed, new_feed, make, arrival
) -> None:
    late, early = new_feed(), feed
    later = [late.entry(make(title=f"late {n}"), clock=(2000 + n) << 16) for n in range(3)]
    earlier = [early.entry(make(title=f"early {n}"), clock=(1000 + n) << 16) for n in range(3)]
    add(history, arrival, later)
    add(history, arrival, earlier)
    assert [line.event.title for line in reader.page(Query())] == [
        "late 2",
        "late 1",
        "late 0",
        "early 2",
        "early 1",
        "early 0",
    ]
    arrivals = [line.event.title for line in reader.since(3)]
    assert arrivals == ["early 0", "early 1", "early 2"]


def test_pages_go_on_where_the_last_one_ended(history, reader, feed, make, arrival) -> None:
    add(history, arrival, [feed.entry(make()) for _ in range(25)])
    first = reader.page(Query(), limit=10)
    second = reader.page(Query(), before=first[-1].id, limit=10)
    third = reader.page(Query(), before=second[-1].id, limit=10)
    ids = [line.id for line in [*first, *second, *third]]
    assert len(ids) == len(set(ids)) == 25
    assert ids == sorted(ids, reverse=True)


def test_what_is_new_is_told_whole_however_much_it_is(history, reader, feed, make, arrival) -> None:
    add(history, arrival, [feed.entry(make()) for _ in range(1201)])
    assert [line.arrival for line in reader.all_since(1)] == list(range(2, 1202))


def test_two_clocks_that_tie_are_two_rows(history, reader, feed, new_feed, make, arrival) -> None:
    other, third = new_feed(), new_feed()
    add(history, arrival, [source.entry(make(), clock=5000 << 16) for source in (feed, other)])
    add(history, arrival, [third.entry(make(), clock=5000 << 16)])
    assert reader.count() == 3


def test_the_same_fact_from_two_collectors_is_one_row_and_the_same_on_every_node(
    tmp_path, new_feed, make, arrival, check_index
) -> None:
    from devstream_desktop.history.epoch import FeedMirror
    from devstream_desktop.history.log import History

    event = make(title="told twice")
    tellings = [new_feed().entry(event, clock=clock << 16) for clock in (3000, 2000, 2500)]
    shown = set()
    for number, order in enumerate(itertools.permutations(tellings)):
        path = tmp_path / f"{number}.sqlite"
        history = History(path, FeedMirror(None), bytes(32), "team")
        for entry in order:
            add(history, arrival, [entry])
        with Reader(path) as reader:
            (line,) = reader.page(Query(words=("told",)))
            shown.add(line.entry)
        check_index(path)
        history.close()
    assert shown == {tellings[1].id}


def test_the_same_fact_twice_in_one_batch_is_one_row(
    history, reader, feed, new_feed, make, arrival
) -> None:
    event = make()
    add(history, arrival, [feed.entry(event), new_feed().entry(event)])
    assert reader.count() == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    clocks=st.permutations([1000, 2000, 3000, 4000]),
    cut=st.integers(0, 4),
    forgotten=st.permutations(range(4)),
)
def test_a_fact_is_shown_as_long_as_one_telling_is_kept(
    open_history, tmp_path, new_feed, make, arrival, clocks, cut, forgotten, check_index, sql
) -> None:
    """One collector's clock was a month behind.

    Its word is forgotten at once, the other's of the same fact is not.
    """
    for file in tmp_path.glob("history.sqlite*"):
        file.unlink()
    history = open_history()
    event, other = make(title="told often"), make()
    entries = [new_feed().entry(event, clock=clock << 16) for clock in clocks]
    add(history, arrival, entries[:cut])
    add(history, arrival, [*entries[cut:], new_feed().entry(other)])
    left = dict(enumerate(clocks))
    with Reader(history.path) as reader:
        for gone in forgotten:
            shown = [line.id for line in reader.page(Query(words=("often",)))]
            assert shown == [min(left.values()) << 16]
            history.settle(entries[gone].feed, 1, entries[gone])
            del left[gone]
        assert [line.event.key for line in reader.page(Query())] == [other.key]
    assert sql("SELECT COUNT(*) FROM retold") == [(0,)]
    check_index()
    history.close()


def test_a_meaning_follows_from_the_past_even_when_the_past_comes_late(
    history, reader, feed, new_feed, make, arrival
) -> None:
    green = feed.entry(make(Kind.BUILD, "succeeded"), clock=3000 << 16)
    add(history, arrival, [green])
    assert reader.page(Query())[0].transition is Transition.NONE
    add(history, arrival, [new_feed().entry(make(Kind.BUILD, "failed"), clock=1000 << 16)])
    fixed, broken = reader.page(Query())
    assert fixed.transition is Transition.FIXED
    assert broken.transition is Transition.FAILED
    add(history, arrival, [new_feed().entry(make(Kind.BUILD, "failed"), clock=2000 << 16)])
    assert [line.transition for line in reader.page(Query())] == [
        Transition.FIXED,
        Transition.STILL_FAILING,
        Transition.FAILED,
    ]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.lists(
        st.tuples(st.sampled_from(("firing", "resolved")), st.integers(0, 3)),
        min_size=2,
        max_size=6,
    ),
    noise=st.integers(0, 6),
    seed=st.randoms(use_true_random=False),
)
def test_what_others_say_in_one_moment_changes_no_order(
    open_history, tmp_path, new_feed, make, arrival, words, noise, seed
) -> None:
    """A member stamps as many words as he likes with the clocks of others' words.

    They can come first.
    """
    told = [
        new_feed(bytes([n]) * 40).entry(
            make(Kind.INCIDENT, state, number="7", title=str(n)), clock=(5000 << 16) + clock
        )
        for n, (state, clock) in enumerate(words)
    ]
    others = [
        new_feed().entry(
            make(Kind.CLAIM, "claimed", subject="x", title="noise"), clock=(5000 << 16) + n % 4
        )
        for n in range(noise)
    ]
    seen = set()
    for batch in (told, [*others, *told], seed.sample(told + others, len(told + others))):
        for file in tmp_path.glob("history.sqlite*"):
            file.unlink()
        history = open_history()
        for entry in batch:
            add(history, arrival, [entry])
        with Reader(history.path) as reader:
            lines = [
                line
                for line in reader.page(Query(), superseded=True)
                if line.event.title != "noise"
            ]
            seen.add(
                frozenset((line.event.title, line.superseded, line.transition) for line in lines)
            )
            past = tuple(line.event.title for line in reader.subject(make(Kind.INCIDENT, "firing")))
            assert past == tuple(
                entry_title
                for _, entry_title in sorted(((e.hlc, e.hash), str(n)) for n, e in enumerate(told))[
                    ::-1
                ]
            )
        history.close()
    assert len(seen) == 1


def test_a_step_gives_its_row_to_the_result_in_whatever_order_they_came(
    history, reader, feed, make, arrival
) -> None:
    run = {"number": "412", "subject": "deploy/shop/production/412", "environment": "production"}
    add(
        history,
        arrival,
        [
            feed.entry(make(Kind.DEPLOY, "success", **run)),
            feed.entry(make(Kind.DEPLOY, "in_progress", **run)),
        ],
    )
    assert [line.event.state for line in reader.page(Query())] == ["success"]
    every = reader.page(Query(), superseded=True)
    assert [(line.event.state, line.superseded) for line in every] == [
        ("in_progress", True),
        ("success", False),
    ]


def test_a_merge_keeps_the_row_from_its_own_push(history, reader, feed, make, arrival) -> None:
    commit = {"number": "abc", "revision": "abc"}
    add(
        history,
        arrival,
        [feed.entry(make(state="merged", **commit)), feed.entry(make(state="pushed", **commit))],
    )
    assert [line.event.state for line in reader.page(Query())] == ["merged"]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("card", {"retry card capture", "card colour"}),
        ("CARD col", {"card colour"}),
        ("ret", {"retry card capture"}),
        ('"card capture"', {"retry card capture"}),
        ("kind:deploy", {"card colour"}),
        ("env:production card", {"card colour"}),
        ("env:PRODUCTION kind:deploy service:pay", {"card colour"}),
        ("kind:build env:production", set()),
        ("service:shop", {"retry card capture", "tax"}),
        ("3f2c", {"retry card capture"}),
        ("3f2c1ab" + "0" * 33, {"retry card capture"}),
        ("ana", {"retry card capture"}),
        ("nothing like it", set()),
    ],
)
def test_search(query, titles, history, reader, feed, make, arrival) -> None:
    events = [
        make(title="retry card capture", actor="ana", revision="3f2c1ab" + "0" * 33),
        make(
            Kind.DEPLOY,
            "success",
            title="card colour",
            environment="production",
            service="pay",
            subject="d/1",
        ),
        make(Kind.BUILD, "failed", title="tax", actor="bo"),
    ]
    add(history, arrival, [feed.entry(event) for event in events])
    assert {line.event.title for line in reader.page(parse_query(query))} == titles


@pytest.mark.parametrize("count", [GROUP - 1, GROUP, GROUP + 1, 3 * GROUP + 5])
def test_rows_are_found_before_and_after_their_group_is_indexed(
    count, history, reader, feed, make, arrival
) -> None:
    titles = [f"word{n} common" for n in range(count)]
    for title in titles:
        add(history, arrival, [feed.entry(make(title=title))])
        assert [line.event.title for line in reader.page(parse_query(title))] == [title]
    found = [line.event.title for line in reader.page(parse_query("comm service:shop"), limit=1000)]
    assert found == titles[::-1]
    assert [line.event.title for line in reader.page(parse_query("comm"), limit=10)] == titles[
        :-11:-1
    ]
    older = reader.page(
        parse_query("comm"), limit=1000, before=reader.page(parse_query("comm"), limit=10)[-1].id
    )
    assert [line.event.title for line in older] == titles[-11::-1]


def test_what_waits_for_its_group_is_known_after_a_restart_and_a_failed_write(
    open_history, reader, feed, make, arrival, below, check_index
) -> None:
    history = open_history()
    first, second = feed.entry(make(title="one")), feed.entry(make(title="two"))
    add(history, arrival, [first])
    history.close()
    history = open_history()
    below().set_authorizer(
        lambda action, *_: (
            sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_INSERT else sqlite3.SQLITE_OK
        )
    )
    with pytest.raises(HistoryError):
        add(history, arrival, [second])
    below().set_authorizer(None)
    history.settle(feed.feed, 1, first)
    add(history, arrival, [second, *(feed.entry(make(title="more")) for _ in range(GROUP))])
    assert [len(reader.page(parse_query(word), limit=200)) for word in ("one", "two", "more")] == [
        0,
        1,
        GROUP,
    ]
    check_index()


def _search_finds(reader, numbers) -> bool:
    return all(
        len(reader.page(parse_query(f"group{number}end"), limit=2 * GROUP)) == GROUP
        for number in numbers
    )


def test_merging_rests_and_finds_the_same(
    history, reader, feed, make, arrival, monkeypatch
) -> None:
    monkeypatch.setattr(search_index, "MANY", 12)
    for number in range(20):
        for _ in range(2):  # live rows: few at once
            some = [feed.entry(make(title=f"group{number}end")) for _ in range(GROUP // 2)]
            add(history, arrival, some)
        # Few groups are left as they are.
        assert number >= 11 or not history.tend()
    steps = 0
    while history.tend():
        steps += 1
        assert steps < 1000
    assert steps
    assert _search_finds(reader, range(20))


def test_a_start_counts_what_is_not_merged(
    open_history, reader, feed, make, arrival, monkeypatch
) -> None:
    monkeypatch.setattr(search_index, "MANY", 4)
    history = open_history()
    for number in range(8):
        for _ in range(2):
            some = [feed.entry(make(title=f"group{number}end")) for _ in range(GROUP // 2)]
            add(history, arrival, some)
    history.close()
    history = open_history()
    assert history.tend()
    while history.tend():
        pass
    history.close()
    history = open_history()
    assert not history.tend()
    assert _search_finds(reader, range(8))


@pytest.mark.parametrize("steps", [0, 1, 5, 8, 9, 100])
def test_a_catch_up_is_found_as_soon_as_its_group_is_committed(
    steps, open_history, reader, feed, make, arrival, check_index
) -> None:
    history = open_history()
    count = 2 * PORTION + GROUP
    entries = [feed.entry(make(title=f"many{number % 3}")) for number in range(count)]
    add(history, arrival, entries[:3])
    for first in range(3, count, 600):
        history.add([arrival(one) for one in entries[first : first + 600]], later=True)
    assert history.unread == count - 3
    for _ in range(steps):
        history.keep_up()
    # What comes now is seen after what came before it, and ends a group in the middle.
    add(history, arrival, [feed.entry(make(title="many1 last"))])
    seen = list(reader.all_since(0))
    found = reader.page(parse_query("many1"), limit=count)
    assert len(found) == len([line for line in seen if "many1" in line.event.title])
    assert [line.arrival for line in seen] == list(range(1, len(seen) + 1))
    while history.keep_up():
        pass
    check_index()
    assert [line.arrival for line in reader.all_since(0)] == list(range(1, count + 2))
    found = reader.page(parse_query("many1"), limit=count)
    assert len(found) == len(entries[1::3]) + 1
    history.close()
    open_history()
    assert len(reader.page(parse_query("many1"), limit=count)) == len(entries[1::3]) + 1


def test_a_start_makes_the_lines_that_a_stop_left_unread(
    open_history, reader, feed, make, arrival, check_index, monkeypatch
) -> None:
    monkeypatch.setattr("devstream_desktop.history.unread.STEP", 10)
    monkeypatch.setattr("devstream_desktop.history.unread.GROUP", 40)
    history = open_history()
    history.add([arrival(feed.entry(make(title=f"x{n}"))) for n in range(100)], later=True)
    for _ in range(8):
        history.keep_up()
    assert 0 < len(list(reader.all_since(0))) < 100
    history.close()
    history = open_history()
    assert history.unread == 0
    assert len(list(reader.all_since(0))) == 100
    check_index()


def test_what_counts_as_seen_is_seen_also_where_some_expired_unread(
    history, reader, new_feed, make, arrival, monkeypatch
) -> None:
    monkeypatch.setattr("devstream_desktop.history.unread.STEP", 60)
    kept, gone = new_feed(), new_feed()
    first = [kept.entry(make()) for _ in range(50)]
    expired = [gone.entry(make()) for _ in range(100)]
    last = [kept.entry(make()) for _ in range(50)]
    history.add([arrival(entry) for entry in [*first, *expired, *last]], later=True)
    history.settle(gone.feed, 100, expired[-1])
    seen = []
    while history.keep_up():
        seen.append(history.seen())
        held = [n for n in range(1, seen[-1] + 1) if not 50 < n <= 150]
        assert [line.arrival for line in reader.all_since(0)] == held
    assert (seen[0], seen[-1]) == (0, 200)


def test_an_own_fact_is_known_before_it_has_a_line(history, new_feed, make, arrival) -> None:
    """An executor that did not know its own answer would deploy a second time."""
    own = new_feed(bytes(range(32)) + bytes(8))
    event = make(kind=Kind.DEPLOY, state="success", request="r", executor="me")
    entry = own.entry(event)
    fact = fact_id(event, entry.device)
    assert not history.knows(fact)
    history.add([arrival(entry)], later=True)
    assert history.knows(fact)
    while history.keep_up():
        assert history.knows(fact)
    assert history.knows(fact)


def test_authors_are_the_people_of_the_policy(history, reader, feed, make, arrival) -> None:
    add(history, arrival, [feed.entry(make(actor="somebody else"))])
    device = device_id(feed.feed[:32])
    assert reader.page(Query())[0].author == device[:8]
    history.follow({device: "ana"}, {})
    assert reader.page(Query())[0].author == "ana"


def test_what_this_version_does_not_know_is_kept_but_not_shown(
    history, reader, feed, make, arrival
) -> None:
    import msgspec

    from devstream_desktop.stream.entry import encode_body

    payload = msgspec.msgpack.encode(["omen", "seen"])
    body = encode_body(feed=feed.feed, seq=1, hlc=9 << 16, prev=b"", payload=payload)
    history.add([arrival(parse_entry(body, bytes(64)), "peer")])
    assert reader.count() == 0
    assert history.after(0, max_bytes=10**6, not_from="")[0][0].payload == payload


def test_rows_are_made_anew_when_the_index_changes(
    open_history, tmp_path, reader, feed, make, arrival, sql
) -> None:
    history = open_history()
    add(history, arrival, [feed.entry(make(title=f"word{n}")) for n in range(20)])
    before = reader.page(Query())
    sql("UPDATE meta SET value = 0 WHERE name = 'index_version'")
    history.close()
    again = open_history()
    assert reader.page(Query()) == before
    assert len(reader.page(Query(words=("word7",)))) == 1
    again.close()


def test_facets_and_span(history, reader, feed, make, arrival) -> None:
    add(
        history,
        arrival,
        [feed.entry(make(environment="production", service="pay")), feed.entry(make())],
    )
    facets = reader.facets()
    assert facets.services == ("pay", "shop")
    assert facets.environments == ("production",)
    oldest, newest = reader.span()
    assert oldest < newest


def test_a_fact_is_known_by_its_identity(history, reader, feed, make, arrival) -> None:
    event = make()
    fact = fact_id(event, device_id(feed.feed[:32]))
    assert not history.knows(fact)
    add(history, arrival, [feed.entry(event)])
    assert history.knows(fact)
    assert [line.event for line in reader.subject(event)] == [event]


def test_a_reader_before_there_is_a_history_says_so(tmp_path) -> None:
    with (
        Reader(tmp_path / "none.sqlite") as reader,
        pytest.raises(HistoryError, match="start the node"),
    ):
        reader.page(Query())


@pytest.mark.parametrize(
    "word", ['a"b', '"', '""', 'x" OR "card', "a\0b", "'", "*", "NEAR(", "-", "^", "{a}: b", "\\"]
)
def test_no_word_of_a_question_is_syntax(history, reader, feed, make, arrival, word) -> None:
    history.add([arrival(feed.entry(make(title="Retry card capture")))])
    assert reader.page(Query(words=(word, "nothing"))) == []
    assert reader.page(Query(words=("card",)))


def test_what_was_judged_is_stored_and_reported_without_decoding_it_again(
    history, reader, feed, make, monkeypatch
) -> None:
    entry = feed.entry(make(title="judged"))
    judged = entry.event
    monkeypatch.setattr(
        "devstream_desktop.stream.entry.decode_event", lambda _: pytest.fail("decoded again")
    )
    history.add([Arrival(entry, "peer")])
    assert event_of(entry) is judged
    monkeypatch.undo()
    assert [line.event for line in reader.page(Query())] == [judged]
