"""Questions of a person on duty, asked of one small story."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import MOST_NEWS, Presence
from devstream_desktop.stream.words import Kind

MINUTE = 60_000
START = 1_760_000_000_000
SCOPE = "forge.example.org/acme/shop"
A, B, C, D = (f"{letter}{number}" * 20 for letter, number in zip("abcd", "1234", strict=True))

Tell = Callable[..., Event]
TellAll = Callable[..., None]


@pytest.fixture
def tell(history: History, new_feed: type) -> Tell:
    """Adds the event of a minute to the history."""
    feed = new_feed()

    def add(minute: int, kind: Kind, state: str, **fields: object) -> Event:
        time = START + minute * MINUTE
        values: dict[str, object] = {
            "service": "shop",
            "subject": f"{kind}/shop/main",
            "key": fact_key("story", kind, str(feed.seq)),
            "time": time,
            "number": str(feed.seq),
            "ref": "main" if kind in (Kind.CHANGE, Kind.BUILD, Kind.TEST) else "",
            "scope": SCOPE if kind in (Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.INCIDENT) else "",
        }
        event = make_event(kind=kind, state=state, **(values | fields))  # type: ignore[arg-type]
        history.add([Arrival(feed.entry(event, clock=time << 16), "peer")])
        return event

    return add


@pytest.fixture
def tell_all(history: History, new_feed: type) -> TellAll:
    """Adds many events of one minute, each given by kind, state and fields."""
    feed = new_feed()

    def add(minute: int, *told: tuple[Kind, str, dict[str, str]]) -> None:
        time = START + minute * MINUTE
        arrivals = []
        for number, (kind, state, fields) in enumerate(told):
            scope = SCOPE if kind in (Kind.CHANGE, Kind.BUILD) else ""
            values = {"service": "shop", "scope": scope, "number": str(number)} | fields
            key = fact_key("many", kind, str(minute), str(number))
            event = make_event(kind=kind, state=state, key=key, time=time, **values)  # type: ignore[arg-type]
            arrivals.append(Arrival(feed.entry(event, clock=(time << 16) + number), "peer"))
        history.add(arrivals)

    return add


@pytest.fixture
def story(tell: Tell) -> Tell:
    """A to C are pushed, A is everywhere, B in production, then an alert fires there."""

    def push(minute: int, revision: str, actor: str) -> None:
        tell(minute, Kind.CHANGE, "pushed", revision=revision, number=revision, actor=actor,
             title=f"change {revision[:2]}")  # fmt: skip

    def deploy(minute: int, revision: str, environment: str, state: str = "success") -> None:
        tell(minute, Kind.DEPLOY, state, revision=revision, environment=environment,
             subject=f"deploy/shop/{environment}/{minute}", actor="ana", scope=SCOPE)  # fmt: skip

    push(1, A, "ana")
    deploy(3, A, "staging")
    deploy(4, A, "prod")
    push(10, B, "bo")
    tell(11, Kind.TEST, "succeeded", revision=B, title="integration")
    deploy(13, B, "production")
    push(20, C, "chen")
    tell(24, Kind.INCIDENT, "firing", subject="incident/shop/5xx", environment="production",
         title="5xx over 2 %", number="n1")  # fmt: skip
    tell(25, Kind.BUILD, "failed", revision=C, title="CI", subject="build/shop/main/ci")
    tell(26, Kind.TICKET, "opened", subject="ticket/shop/7", title="Guests see net prices")
    tell(27, Kind.SOURCE, "silent", subject="source/jenkins", service="jenkins", ref="")
    deploy(30, C, "staging", "in_progress")
    return tell


def titles(lines: tuple[Line, ...] | list[Line]) -> list[str]:
    return [line.event.title or line.event.state for line in lines]


def test_red_now_is_what_is_broken_the_worst_first(story: Tell, reader: Reader) -> None:
    red = reader.red_now()
    assert [thing.kind for thing in red] == [Kind.INCIDENT, Kind.BUILD, Kind.SOURCE]
    assert red[0].since_ms == START + 24 * MINUTE
    assert red[0].suspect is not None
    assert red[0].suspect.event.revision == B
    story(40, Kind.INCIDENT, "resolved", subject="incident/shop/5xx", environment="production",
          number="n1")  # fmt: skip
    assert [thing.kind for thing in reader.red_now()] == [Kind.BUILD, Kind.SOURCE]


def test_a_claim_is_on_the_red_thing_and_ends_with_it(story: Tell, reader: Reader) -> None:
    about = {"subject": "incident/shop/5xx", "environment": "production", "number": "n1"}
    claim = story(28, Kind.CLAIM, "claimed", actor="chen", **about, scope=SCOPE)
    (incident, *_) = reader.red_now()
    assert (incident.claimed_by, incident.claimed_at) == ("chen", START + 28 * MINUTE)
    assert reader.thing(claim) == reader.thing(incident.line.event)
    assert [line.event.kind for line in reader.page(Query()) if line.event.number == "n1"] == [
        Kind.CLAIM,
        Kind.INCIDENT,
    ], "the claim hides no incident"
    story(29, Kind.INCIDENT, "resolved", **about)
    story(30, Kind.INCIDENT, "firing", **(about | {"number": "n2"}))
    assert next(thing.claimed_by for thing in reader.red_now()) == ""


def test_a_thing_is_none_of_another_scope(tell: Tell, reader: Reader) -> None:
    ci = {"subject": "build/shop/main/CI"}
    acme = tell(1, Kind.BUILD, "cancelled", **ci)
    beta = tell(2, Kind.BUILD, "failed", scope="forge.example.org/beta/shop", **ci)
    assert reader.thing(acme) is None
    found = reader.thing(beta)
    assert found is not None
    assert found.line.event == beta
    bare = reader.thing(msgspec.structs.replace(beta, scope=""))
    assert bare == found, "a line of an older version names no scope"


def test_a_failure_of_a_branch_that_is_gone_is_not_red(tell: Tell, reader: Reader) -> None:
    tell(1, Kind.BUILD, "failed", ref="fix/x", subject="build/shop/fix/x/ci")
    assert [thing.kind for thing in reader.red_now()] == [Kind.BUILD]
    tell(2, Kind.CHANGE, "deleted", ref="fix/x", subject="change/shop/fix/x")
    assert reader.red_now() == []
    tell(3, Kind.BUILD, "failed", ref="fix/x", subject="build/shop/fix/x/ci")
    assert [thing.kind for thing in reader.red_now()] == [Kind.BUILD]


def test_no_number_of_deleted_branches_hides_what_is_red(
    tell: Tell, tell_all: TellAll, reader: Reader
) -> None:
    gone = [f"fix/{number}" for number in range(130)]
    tell_all(
        1,
        *((Kind.BUILD, "failed", {"subject": f"build/shop/{ref}/ci", "ref": ref}) for ref in gone),
    )
    tell_all(
        2,
        *((Kind.CHANGE, "deleted", {"subject": f"change/shop/{ref}", "ref": ref}) for ref in gone),
    )
    tell(3, Kind.BUILD, "failed", subject="build/shop/main/ci")
    tell(4, Kind.SOURCE, "silent", subject="source/jenkins", service="jenkins")
    assert [thing.kind for thing in reader.red_now()] == [Kind.BUILD, Kind.SOURCE]
    assert [thing.kind for thing in reader.red_now(limit=1)] == [Kind.BUILD]
    assert [thing.service for thing in reader.silent()] == ["jenkins"]


def test_what_nobody_is_on_is_not_hidden_by_what_somebody_is_on(tell: Tell, reader: Reader) -> None:
    for number in range(3):
        about = {"subject": f"incident/shop/{number}", "number": "n"}
        tell(number, Kind.INCIDENT, "firing", title=f"alert {number}", **about)
        tell(number + 5, Kind.CLAIM, "claimed", actor="ana", scope=SCOPE, **about)
    tell(9, Kind.BUILD, "failed", title="nobody", subject="build/shop/main/ci")
    found = reader.red_now(limit=2, unclaimed=True)
    assert titles([thing.line for thing in found]) == ["nobody"]
    assert len(reader.red_now(limit=2)) == 2


def test_the_board(story: Tell, reader: Reader) -> None:
    board = reader.board(mine={"chen"}, now=START + 31 * MINUTE)
    assert (board.services, board.environments) == (("shop",), ("staging", "production"))
    production = board.cells["shop", "production"]
    assert production.running is not None
    assert production.running.revision == B
    assert (production.waiting, production.mine) == (1, 1)
    assert [thing.line.event.title for thing in production.red] == ["5xx over 2 %"]
    assert production.test is not None
    assert production.test.event.title == "integration"
    assert production.lock is None
    staging = board.cells["shop", "staging"]
    assert staging.deploy is not None
    assert staging.deploy.moving is not None
    assert (staging.waiting, staging.mine) == (2, 1)
    assert not staging.red


def test_a_lock_is_on_the_board_until_it_ends(story: Tell, reader: Reader) -> None:
    lock = {"environment": "production", "subject": "deploy/shop/production/l", "request": "l" * 32,
            "executor": "e", "actor": "dara", "expires": START + 90 * MINUTE}  # fmt: skip
    story(40, Kind.DEPLOY, "locked", **lock)
    now = START + 50 * MINUTE
    held = reader.board(now=now).cells["shop", "production"].lock
    assert held is not None
    assert held.event.actor == "dara"
    assert reader.board(now=now + 60 * MINUTE).cells["shop", "production"].lock is None
    story(60, Kind.DEPLOY, "unlocked", **lock)
    assert reader.locks(now) == []


def test_a_lock_that_no_executor_answered_is_none(story: Tell, reader: Reader) -> None:
    story(40, Kind.DEPLOY, "locked", environment="production", subject="deploy/shop/production/l")
    assert reader.locks(START + 50 * MINUTE) == []


def test_changes_wait_until_they_are_deployed(story: Tell, reader: Reader) -> None:
    waiting = reader.waiting("shop", "staging")
    assert waiting is not None
    assert titles(waiting.changes) == ["change b2", "change c3"]
    first = reader.waiting("shop", "staging", limit=1)
    assert first is not None
    assert (titles(first.changes), first.more) == (["change b2"], True)
    assert reader.waiting("shop", "nowhere") is None


def test_a_commit_is_followed_from_change_to_consequence(story: Tell, reader: Reader) -> None:
    trail = reader.trail(B[:7])
    assert trail is not None
    assert (trail.revision, titles(trail.changes)) == (B, ["change b2"])
    assert titles(trail.checks) == ["integration"]
    assert [line.event.environment for line in trail.deploys] == ["production"]
    assert titles(trail.incidents) == ["5xx over 2 %"]
    assert reader.trail("0000000") is None
    assert reader.trail("b2") is None, "two digits say nothing"


def test_a_commit_is_brought_by_the_deploy_of_a_later_one(story: Tell, reader: Reader) -> None:
    story(50, Kind.DEPLOY, "success", revision=C, environment="staging", actor="dara",
          subject="deploy/shop/staging/50")  # fmt: skip
    trail = reader.trail(B)
    assert trail is not None
    assert [(line.event.environment, line.event.revision[:2]) for line in trail.deploys] == [
        ("production", "b2"),
        ("staging", "c3"),
    ]


def test_where_a_commit_is(story: Tell, reader: Reader) -> None:
    def presence(revision: str) -> dict[str, Presence]:
        return {place.environment: place.presence for place in reader.where(revision)}

    assert presence(A) == {"staging": Presence.RUNS, "production": Presence.INCLUDED}
    assert presence(B) == {"staging": Presence.WAITS, "production": Presence.RUNS}
    assert presence(C) == {"staging": Presence.WAITS, "production": Presence.WAITS}
    story(50, Kind.DEPLOY, "success", revision=D, environment="staging",
          subject="deploy/shop/staging/50")  # fmt: skip
    assert presence(C)["staging"] is Presence.UNKNOWN


def test_suspects_come_with_what_they_brought(story: Tell, reader: Reader) -> None:
    (incident, *_) = reader.red_now()
    suspects = reader.suspects(incident.since)
    assert [(one.deploy.event.revision, titles(one.changes)) for one in suspects] == [
        (B, ["change b2"]),
        (A, ["change a1"]),
    ]


def test_the_hand_over(story: Tell, reader: Reader) -> None:
    over = reader.hand_over(START + 12 * MINUTE, now=START + 31 * MINUTE)
    assert [thing.kind for thing in over.red] == [Kind.INCIDENT, Kind.BUILD]
    assert over.unclaimed == over.red
    assert [line.event.revision for line in over.shipped] == [B]
    assert titles(over.tickets) == ["Guests see net prices"]
    assert [thing.service for thing in over.silent] == ["jenkins"]
    assert {one.environment: len(one.changes) for one in over.waiting} == {
        "staging": 2,
        "production": 1,
    }


def test_no_number_of_alerts_hides_a_silent_source_in_the_hand_over(
    tell: Tell, tell_all: TellAll, reader: Reader
) -> None:
    tell_all(
        1,
        *(
            (Kind.INCIDENT, "firing", {"subject": f"incident/shop/{number}"})
            for number in range(MOST_NEWS)
        ),
    )
    tell(2, Kind.SOURCE, "silent", subject="source/jenkins", service="jenkins")
    over = reader.hand_over(START)
    assert [thing.service for thing in over.silent] == ["jenkins"]
    assert len(over.red) == MOST_NEWS


def test_no_number_of_deploys_hides_one_that_failed_in_the_hand_over(
    tell: Tell, tell_all: TellAll, reader: Reader
) -> None:
    tell(1, Kind.DEPLOY, "failure", environment="production", subject="deploy/shop/production/1")
    tell(2, Kind.DEPLOY, "success", environment="production", subject="deploy/shop/production/2")
    tell_all(
        3,
        *(
            (
                Kind.DEPLOY,
                "success" if number % 2 else "inactive",
                {"environment": "dev", "subject": f"deploy/shop/dev/{number}"},
            )
            for number in range(2 * MOST_NEWS + 2)
        ),
    )
    over = reader.hand_over(START)
    assert [line.event.environment for line in over.failed] == ["production"]
    assert len(over.shipped) == MOST_NEWS, "so that the count has its plus"
    assert reader.hand_over(START + 2 * MINUTE).failed == ()


def test_no_number_of_words_of_sources_hides_a_gap_in_the_hand_over(
    tell: Tell, tell_all: TellAll, reader: Reader
) -> None:
    tell(1, Kind.SOURCE, "active", subject="source/jenkins/gap", service="jenkins", title="gap")
    tell(2, Kind.SOURCE, "active", subject="source/gitea/suppressed", service="gitea", title="much")
    tell_all(
        3,
        *(
            (
                Kind.SOURCE,
                "silent" if number % 2 else "active",
                {"subject": "source/jenkins", "service": "jenkins"},
            )
            for number in range(MOST_NEWS)
        ),
    )
    assert titles(reader.hand_over(START).gaps) == ["much", "gap"]
    assert titles(reader.hand_over(START + 2 * MINUTE).gaps) == ["much"]


def test_a_page_around_a_line(story: Tell, reader: Reader) -> None:
    every = reader.page(Query())
    middle = every[5]
    assert reader.around(middle.id, Query(), each=2) == every[3:8]
    assert reader.page(Query(), after=middle.id, limit=2) == every[3:5]
    changes = parse_query("kind:change")
    found = reader.page(changes)
    assert reader.page(changes, after=found[-1].id, limit=1) == found[-2:-1]
    assert reader.hits(changes) == 3
    assert reader.hits(changes, most=2) == 2


def test_the_past_of_a_thing_ends_with_the_line_that_is_asked_of(
    story: Tell, reader: Reader
) -> None:
    pushes = reader.subject(reader.page(parse_query("kind:change"))[0].event)
    assert reader.subject(pushes[1].event, until=pushes[1]) == pushes[1:]


def test_recent_is_what_matters_and_what_is_being_deployed(story: Tell, reader: Reader) -> None:
    kinds = [Kind.DEPLOY, Kind.SOURCE, Kind.TICKET, Kind.BUILD, Kind.INCIDENT, Kind.DEPLOY]
    assert [line.event.kind for line in reader.recent(limit=6)] == kinds
    assert reader.recent(limit=1)[0].event.state == "in_progress"


def test_unseen_is_nothing_of_before_the_desk_began(story: Tell, reader: Reader) -> None:
    assert reader.unseen(Seen(0, START + 28 * MINUTE)) == []
    (found,) = reader.unseen(Seen(0, START + 27 * MINUTE))
    assert found.event.kind is Kind.SOURCE
    query = parse_query("is:unseen").asked_by((), Seen(0, START + 30 * MINUTE))
    assert [line.event.kind for line in reader.page(query)] == [Kind.DEPLOY]
    assert reader.hits(query) == 1


def test_unseen_is_what_changed_what_is_true_or_was_deployed(story: Tell, reader: Reader) -> None:
    seen = reader.page(parse_query("kind:test"))[0].arrival
    assert [line.event.kind for line in reader.unseen(Seen(seen))] == [
        Kind.SOURCE,
        Kind.TICKET,
        Kind.BUILD,
        Kind.INCIDENT,
        Kind.DEPLOY,
    ]
    assert reader.unseen(Seen(reader.newest())) == []


def test_a_line_is_found_by_its_id_and_what_is_open_without_a_look_at_all_rows(
    story: Tell, reader: Reader
) -> None:
    asked: list[str] = []
    reader._connection().set_trace_callback(asked.append)
    lines = reader.page(Query(), limit=1000, superseded=True)
    open_ones = {thing.line.id for thing in [*reader.red_now(), *reader.open_tickets()]}
    assert open_ones
    assert len(lines) > len(open_ones)
    for line in lines:
        for received in (0, line.received):
            asked.clear()
            assert reader.find(line.entry, received=received) == [line]
            walks = sum("AND id > 0" in statement for statement in asked)
            assert walks == (not received and line.id not in open_ones)
        assert reader.find(line.entry[:8].upper()) == [line]
        assert reader.find(line.entry, received=line.received + 60_000) == []
        other = format(int(line.entry, 16) ^ 1, "032x")
        assert reader.find(other) == reader.find(other, received=line.received) == []
    assert reader.find("12345") == reader.find("no such id") == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda reader: reader.red_now(),
        lambda reader: reader.board(),
        lambda reader: reader.hand_over(START),
    ],
)
def test_a_screen_tells_of_one_moment(
    ask: Callable[[Reader], object], story: Tell, reader: Reader
) -> None:
    asked: list[str] = []
    connection = reader._connection()
    connection.set_trace_callback(asked.append)
    ask(reader)
    connection.set_trace_callback(None)
    assert (asked[0], asked[-1]) == ("BEGIN", "ROLLBACK")
    assert len({"BEGIN", "ROLLBACK"}.intersection(asked[1:-1])) == 0
    assert not connection.in_transaction
