"""The state of each thing: a pure function of the set of the events, whatever way they came."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from folded import Telling, World, fold
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstream_desktop.history.judging import Result, Window
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.entry import parse_entry
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.fact import NOTE, SEEN
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.words import Kind

START = 1_760_000_000_000
FORGE = "forge.example.org/acme/shop"
RUNS = ("running", "failed", "succeeded", "cancelled")
DEPLOYS = ("in_progress", "success", "failure", "inactive")


THINGS = ("suite", "place", "alert", "plain", "ticket")


@st.composite
def told(draw: st.DrawFn, things: tuple[str, ...]) -> tuple[str, dict[str, object]]:
    """A thing, and the fields of an event about it."""
    thing = draw(st.sampled_from(things))
    number = str(draw(st.integers(1, 4)))
    fields: dict[str, object] = {"number": number, "service": "shop"}
    if draw(st.integers(0, 3)) == 0 and thing != "ticket":
        state, who = draw(st.sampled_from(("claimed", "released"))), draw(st.sampled_from("ab"))
        act = draw(st.sampled_from(("", "", NOTE, SEEN)))
        fields |= {"kind": Kind.CLAIM, "state": state, "actor": who, "number": "", "action": act}
    elif thing == "suite":
        order = draw(st.integers(1, 6))
        fields |= {"kind": Kind.BUILD, "state": draw(st.sampled_from(RUNS)), "order": order}
    elif thing == "place":
        asked = draw(st.booleans())
        number = f"r{number}" if asked else number
        fields |= {"kind": Kind.DEPLOY, "state": draw(st.sampled_from(DEPLOYS)), "number": number}
        fields |= {"request": number * 2, "executor": "e"} if asked else {}
    elif thing == "ticket":
        states = ("opened", "closed", "reopened")
        fields |= {"kind": Kind.TICKET, "state": draw(st.sampled_from(states))}
    else:
        state = draw(st.sampled_from(("firing", "resolved")))
        fields |= {"kind": Kind.INCIDENT, "state": state}
    return thing, fields


def event_of(thing: str, key: int, at: int, fields: dict[str, object]) -> Event:
    """The event of those fields, with the names that its thing has."""
    claim = fields["kind"] is Kind.CLAIM
    names: dict[str, dict[str, object]] = {
        "suite": {"subject": "build/shop/main/ci", "scope": FORGE},
        "place": {
            "subject": f"deploy/shop/prod/{fields['number']}",
            "environment": "prod" if key % 2 else "production",
            "scope": "" if fields.get("request") else FORGE,
        },
        # A claim of an older version says no scope.
        "alert": {"subject": "incident/shop/5xx", "scope": "" if claim and key % 2 else FORGE},
        "plain": {"subject": "incident/shop/disk"},
        "ticket": {"subject": "ticket/shop/7", "scope": FORGE},
    }
    values = names[thing] | fields | {"key": fact_key("t", Kind.BUILD, str(key)), "time": at}
    return make_event(**values)  # type: ignore[arg-type]


def tables(path: Path) -> World:
    """The history's rows, each named by its fact."""
    with closing(sqlite3.connect(path)) as connection:
        log = connection.execute(
            "SELECT lines.id, body, signature, transition, tone FROM lines JOIN log USING (lsn)"
        ).fetchall()
        keys = {
            row_id: parse_entry(body, signature).event.key for row_id, body, signature, *_ in log
        }
        keys[0] = ""
        things = connection.execute(
            "SELECT kind, subjects.plain, state, tone, line, since, moving, claim FROM subjects"
        ).fetchall()
        running = connection.execute("SELECT service, environment, line FROM running").fetchall()
        kept = connection.execute("SELECT value FROM meta WHERE name = 'lines'").fetchall()
        assert kept == connection.execute("SELECT COUNT(*) FROM lines").fetchall()
    names = {("build", True): "suite", ("deploy", False): "place", ("incident", True): "alert"}
    names |= {("incident", False): "plain", ("ticket", True): "ticket"}
    assert {place[:2] for place in running} <= {("shop", "production")}
    return World(
        {keys[row_id]: (meaning, tone) for row_id, _, _, meaning, tone in log},
        {
            names[kind, bool(plain)]: (
                state, tone, keys[line], keys[since], keys[moving], keys[claim],
            )
            for kind, plain, state, tone, line, since, moving, claim in things
        },
        dict.fromkeys(("place",) * len(running), "".join(keys[line] for *_, line in running)),
    )  # fmt: skip


def read_on(history: History) -> None:
    """Make all lines that wait."""
    while history.keep_up():
        pass
    assert history.unread == 0


def check_words(path: Path) -> None:
    """The index is sound, and has each line that does not wait for its group once."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        indexed = connection.execute("SELECT rowid FROM words WHERE words MATCH 'shop'").fetchall()
        lines = connection.execute(
            "SELECT id FROM lines WHERE lsn <= (SELECT MAX(value) FROM meta WHERE name ="
            " 'indexed') ORDER BY id"
        ).fetchall()
    assert indexed == lines


def check(path: Path, expected: World) -> None:
    found = tables(path)
    assert found.meanings == expected.meanings
    for thing in sorted(found.things | expected.things):
        assert (thing, found.things.get(thing)) == (thing, expected.things.get(thing))
    assert found.running == expected.running


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are made later take several steps, portions and groups."""
    for name in ("unread.STEP", "unread.UNSETTLED", "lines.SETTLED", "search_index.PORTION"):
        monkeypatch.setattr(f"devstream_desktop.history.{name}", 2)
    monkeypatch.setattr("devstream_desktop.history.unread.GROUP", 7)
    monkeypatch.setattr("devstream_desktop.history.unread.WORDS", 5)


def test_many_things_wait_no_longer_for_their_states_than_many_rows(
    history: History, below: Callable[[], sqlite3.Connection], new_feed: type, monkeypatch
) -> None:
    monkeypatch.setattr("devstream_desktop.history.unread.STEP", 10)
    monkeypatch.setattr("devstream_desktop.history.unread.UNSETTLED", 110)
    monkeypatch.setattr("devstream_desktop.history.lines.SETTLED", 33)
    feed = new_feed()
    tickets = [
        make_event(
            kind=Kind.TICKET,
            state="opened",
            service="shop",
            subject=f"ticket/T-{number}",
            key=f"{number:032x}",
            time=START + number,
        )
        for number in range(60)
    ]
    arrivals = [Arrival(feed.entry(ticket), "", verified=True) for ticket in tickets]
    history.add(arrivals, later=True)
    left = []
    while history.seen() < len(tickets) and history.keep_up():
        rows, things = (
            below()
            .execute("SELECT (SELECT COUNT(*) FROM lines), (SELECT COUNT(*) FROM subjects)")
            .fetchone()
        )
        left.append(rows - things)
    # Ten of them are as much work as 110 rows; ten more are read before that is seen.
    assert 10 < max(left) <= 20
    # And each step takes some.
    assert max(before - after for before, after in itertools.pairwise(left)) == 3


@pytest.mark.usefixtures("small_steps")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_tables_follow_from_the_set_of_the_events(
    data: st.DataObject,
    open_history: Callable[[], History],
    below: Callable[[], sqlite3.Connection],
    tmp_path: Path,
    new_feed: type,
) -> None:
    for file in tmp_path.glob("history.sqlite*"):
        file.unlink()
    # All mixed, or one thing with more results than are looked at.
    things = data.draw(st.sampled_from((THINGS, *((one,) for one in THINGS))))
    many = data.draw(st.sampled_from((1, 20, 40)))
    stories = data.draw(st.lists(told(things), min_size=many, max_size=60))
    feeds = [new_feed(bytes([n]) * 40) for n in range(3)]
    tellings: list[Telling] = []
    for number, (thing, fields) in enumerate(stories):
        # Some in the same millisecond, some of them told by two.
        at = START + data.draw(st.integers(0, 30))
        event = event_of(thing, number, at, fields)
        own = fields["kind"] is Kind.CLAIM or bool(fields.get("request"))
        for feed in feeds if not own and data.draw(st.integers(0, 5)) == 0 else feeds[:1]:
            clock = (at << 16) + data.draw(st.integers(0, 2))
            tellings.append(Telling(feed.entry(event, clock=clock), event, thing))
    history = open_history()
    told_in_order = sorted(tellings, key=lambda one: one.place)
    order = data.draw(
        st.sampled_from((told_in_order, told_in_order[::-1])) | st.permutations(tellings)
    )
    arrived: list[Telling] = []
    while order:
        size = data.draw(st.integers(1, min(8, len(order))))
        batch, order = order[:size], order[size:]
        arrived += batch
        # Once more some that are there.
        again = arrived[: data.draw(st.integers(0, 2))]
        later = data.draw(st.booleans(), label="later")
        history.add([Arrival(one.entry, "peer") for one in [*batch, *again]], later=later)
        for _ in range(data.draw(st.integers(0, 20), label="steps")):
            history.keep_up()
        if data.draw(st.booleans(), label="show"):
            while history.show():
                pass
            assert history.unread == history.newest() - history.seen()
        stop = data.draw(st.sampled_from(("", "", "", "stop", "kill")), label="stop")
        if stop:
            history.close() if stop == "stop" else below().close()
            history = open_history()
            assert history.unread == 0
        if not history.unread:
            check(history.path, fold(arrived, set()))
            check_words(history.path)
    if data.draw(st.booleans(), label="read to the end"):
        read_on(history)
    ended = data.draw(st.sets(st.sampled_from(feeds), max_size=2), label="revoked")
    history.follow({}, {feed.feed: 0 for feed in ended})
    struck = {feed.feed for feed in ended}
    if not history.unread:
        check(history.path, fold(arrived, struck))
    feed = data.draw(st.sampled_from(feeds), label="forgotten of")
    floor = data.draw(st.integers(0, feed.seq))
    history.settle(feed.feed, floor, None)
    kept = [one for one in arrived if one.entry.feed != feed.feed or one.entry.seq > floor]
    read_on(history)
    check(history.path, fold(kept, struck))
    history.follow({}, {})
    check(history.path, fold(kept, set()))
    check_words(history.path)
    history.close()
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as connection, connection:
        version = data.draw(st.sampled_from(("0", "4.2", "5.5", "6.5")), label="written by")
        connection.execute("UPDATE meta SET value = ? WHERE name = 'index_version'", (version,))
    history = open_history()
    while history.tend():
        pass
    check(history.path, fold(kept, set()))
    history.close()


def test_a_claim_that_came_before_what_it_claims_holds(
    history: History, new_feed: type, tmp_path: Path
) -> None:
    """Another device's clock is ahead: its claim is later, though it came first."""
    feed, other = new_feed(), new_feed()

    def tell(source: object, place: int, kind: Kind, state: str, **fields: object) -> Telling:
        fields |= {"kind": kind, "state": state, "service": "shop", "number": "1"}
        event = event_of("plain", place, START + place, fields)
        telling = Telling(source.entry(event, clock=(START + place) << 16), event, "plain")  # type: ignore[attr-defined]
        history.add([Arrival(telling.entry, "peer")])
        return telling

    told = [
        tell(feed, 1, Kind.INCIDENT, "resolved"),
        tell(other, 9, Kind.CLAIM, "claimed", actor="a"),
        tell(feed, 2, Kind.INCIDENT, "firing"),
    ]
    check(history.path, fold(told, set()))
    assert tables(history.path).things["plain"][-1] == told[1].event.key


def test_no_number_of_words_of_one_person_ends_the_claim_of_another(
    history: History, new_feed: type
) -> None:
    feed = new_feed()

    def tell(at: int, count: int = 1, **fields: object) -> None:
        time = START + at
        told = [event_of("alert", 100 * at + n, time, fields) for n in range(count)]
        entries = [feed.entry(one, clock=(time << 16) + n) for n, one in enumerate(told)]
        history.add([Arrival(entry, "peer") for entry in entries])

    def claim() -> object:
        return tables(history.path).things["alert"][-1]

    word = {"kind": Kind.CLAIM, "service": "shop", "number": ""}
    firing = {"kind": Kind.INCIDENT, "state": "firing", "service": "shop", "number": "1"}
    held = fact_key("t", Kind.BUILD, "200")
    tell(1, **firing)
    tell(2, **word, state="claimed", actor="ana")
    tell(3, 90, **word, state="released", actor="mallory")
    assert claim() == held
    tell(4, **firing)
    assert claim() == held, "also where the state in memory goes on"
    tell(5, **word, state="claimed", actor="bo")
    tell(6, **word, state="released", actor="bo")
    assert claim() == held
    tell(7, **word, state="released", actor="ana")
    assert claim() == ""


def test_a_claim_of_a_revoked_device_holds_no_more(history: History, new_feed: type) -> None:
    feed, other = new_feed(), new_feed()
    about = {"service": "shop", "number": "1"}
    firing = event_of("plain", 1, START, {"kind": Kind.INCIDENT, "state": "firing", **about})
    said = {"kind": Kind.CLAIM, "state": "claimed", "actor": "a", **about}
    claim = event_of("plain", 2, START + 1, said)
    history.add([Arrival(feed.entry(firing, clock=START << 16), "peer")])
    history.add([Arrival(other.entry(claim, clock=(START + 1) << 16), "peer")])
    assert tables(history.path).things["plain"][-1] == claim.key
    history.follow({}, {other.feed: 0})
    assert tables(history.path).things["plain"][-1] == ""


def test_a_sighting_of_a_revoked_device_counts_no_more(history: History, new_feed: type) -> None:
    feed, other = new_feed(), new_feed()
    about = {"service": "shop", "number": "1"}
    firing = event_of("plain", 1, START, {"kind": Kind.INCIDENT, "state": "firing", **about})
    said = {"kind": Kind.CLAIM, "state": "released", "action": SEEN, "actor": "a", **about}
    sighting = event_of("plain", 2, START + 1, said)
    history.add([Arrival(feed.entry(firing, clock=START << 16), "peer")])
    history.add([Arrival(other.entry(sighting, clock=(START + 1) << 16), "peer")])
    with Reader(history.path) as reader:
        assert reader.red_now()[0].seen_by == ("a",)
        history.follow({}, {other.feed: 0})
        assert reader.red_now()[0].seen_by == ()


def test_an_older_result_judges_few_later_ones_anew(
    history: History, new_feed: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catch-up brings a past newest first, and each part of it is older than all before."""
    feed, judged = new_feed(), []
    judge = Window.judge

    def counted(window: Window, kind: Kind, result: Result, said: int) -> object:
        judged.append(result)
        return judge(window, kind, result, said)

    told = []
    for number in range(1, 91):
        state = ("failed", "succeeded")[number // 2 % 2]
        fields = {"kind": Kind.BUILD, "state": state, "order": number, "number": str(number)}
        event = event_of("suite", number, START + number, fields | {"service": "shop"})
        entry = feed.entry(event, clock=(START + number) << 16)
        told.append(Telling(entry, event, "suite"))
    monkeypatch.setattr(Window, "judge", counted)
    for at in range(60, -1, -30):
        judged.clear()
        history.add([Arrival(one.entry, "peer") for one in told[at : at + 30]])
        assert len(judged) <= 32
        check(history.path, fold(told[at:], set()))
