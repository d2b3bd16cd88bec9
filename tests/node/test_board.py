"""The history's word on now: nothing of it rests on what is struck out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.node import board
from devstream_desktop.stream.entry import Entry, body_hash, device_id, encode_body, parse_entry
from devstream_desktop.stream.event import Event, encode_event, fact_key, make_event
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.words import Kind
from devstream_desktop.team.joining.six_words import six_words

NOW = 1_760_000_000_000
HONEST, STOLEN = b"h" * 32, b"s" * 32


class Told:
    """A history in which devices say things, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.history = History(folder / "history.sqlite", FeedMirror(None), HONEST, "team")
        self.reader = Reader(folder / "history.sqlite")
        self._number = 0
        self._last: dict[bytes, tuple[int, bytes]] = {}

    def say(self, device: bytes, kind: Kind, state: str, **fields: str) -> Event:
        event, entry = self._make(device, kind, state, fields)
        self.history.add([Arrival(entry)])
        return event

    def flood(self, device: bytes, times: int, kind: Kind, state: str, **fields: str) -> None:
        made = (self._make(device, kind, state, fields) for _ in range(times))
        self.history.add([Arrival(entry) for _, entry in made])

    def _make(
        self, device: bytes, kind: Kind, state: str, fields: dict[str, str]
    ) -> tuple[Event, Entry]:
        self._number += 1
        key = fact_key("t", kind, str(self._number))
        values = {
            "service": "shop",
            "subject": f"{kind}/shop/{self._number}",
            "number": str(self._number),
        } | fields
        event = make_event(kind=kind, state=state, key=key, time=NOW + self._number, **values)  # type: ignore[arg-type]
        seq, prev = self._last.get(device, (0, b""))
        body = encode_body(
            feed=device + bytes(8),
            seq=seq + 1,
            hlc=(NOW + self._number) << 16,
            prev=prev,
            payload=encode_event(event),
        )
        self._last[device] = seq + 1, body_hash(body)
        return event, parse_entry(body, bytes(64))


@pytest.fixture
def told(tmp_path):
    told = Told(tmp_path)
    yield told
    told.reader.close()
    told.history.close()


def test_nothing_is_shipped_or_believed_by_what_is_struck_out(told) -> None:
    production = {"environment": "production"}
    told.say(HONEST, Kind.CHANGE, "pushed", revision="a" * 40, ref="main")
    told.say(HONEST, Kind.BUILD, "failed", revision="a" * 40)
    told.say(HONEST, Kind.DEPLOY, "success", revision="a" * 40, **production)
    told.say(HONEST, Kind.DUTY, "off", subject="duty/ana", actor="ana")
    told.say(STOLEN, Kind.CHANGE, "pushed", revision="b" * 40, ref="main")
    told.say(STOLEN, Kind.BUILD, "succeeded", revision="a" * 40)
    told.say(STOLEN, Kind.DEPLOY, "success", revision="b" * 40, **production)
    told.say(STOLEN, Kind.DEPLOY, "in_progress", revision="b" * 40, actor="eve", **production)
    told.say(STOLEN, Kind.DUTY, "on", subject="duty/ana", actor="ana")

    def now() -> tuple[str, str, str, int, tuple[str, ...]]:
        present = board.Board()
        present.fill(told.reader)
        shipment = board.shipment(told.reader, "shop", "production", ref="main", sha="")
        checks = len(board.shipment(told.reader, "shop", "production", ref="", sha="a" * 40).checks)
        deploying = board.deploying(told.reader, "shop", "production", NOW)
        on_duty = tuple(person for person, (_, on) in present.duty.items() if on)
        return shipment.sha[:1], shipment.current[:1], deploying, checks, on_duty

    assert now() == ("b", "b", "eve", 2, ("ana",))
    told.history.follow({}, {STOLEN: 0})
    assert now() == ("a", "a", "", 1, ())


def test_no_number_of_requests_and_claims_hides_what_is_where_and_what_is_red(told) -> None:
    production = {"environment": "production"}
    told.say(HONEST, Kind.DEPLOY, "success", revision="a" * 40, **production)
    told.say(HONEST, Kind.BUILD, "failed", revision="b" * 40)
    told.say(HONEST, Kind.DEPLOY, "in_progress", actor="ana", revision="b" * 40, **production)
    for number in range(120):
        told.say(
            STOLEN,
            Kind.DEPLOY,
            "requested",
            revision="b" * 40,
            reason=f"success {number}",
            title="success",
            **production,
        )
        told.say(
            STOLEN,
            Kind.CLAIM,
            "claimed",
            actor="eve",
            title=f"{'b' * 40} success {number}",
            **production,
        )
    assert board.deployed(told.reader, "shop", "production") == "a" * 40
    assert board.deploying(told.reader, "shop", "production", NOW) == "ana"
    assert len(board.shipment(told.reader, "shop", "production", ref="", sha="b" * 40).checks) == 1


def test_no_number_of_struck_words_hides_what_is_believed(told) -> None:
    main = {"subject": "change/shop/main", "ref": "main"}
    production = {"environment": "production"}
    told.say(HONEST, Kind.CHANGE, "pushed", revision="a" * 40, **main)
    told.say(HONEST, Kind.BUILD, "failed", revision="a" * 40)
    told.say(HONEST, Kind.DEPLOY, "success", revision="a" * 40, **production)
    told.say(HONEST, Kind.DUTY, "on", subject="duty/ana", actor="ana")
    told.flood(STOLEN, 200, Kind.CHANGE, "pushed", revision="b" * 40, **main)
    told.flood(STOLEN, 50, Kind.BUILD, "succeeded", revision="a" * 40)
    told.flood(STOLEN, 20, Kind.DEPLOY, "success", revision="b" * 40, **production)
    told.flood(STOLEN, 2000, Kind.DUTY, "on", subject="duty/eve", actor="eve")
    told.history.follow({}, {STOLEN: 0})
    present = board.Board()
    present.fill(told.reader)
    shipment = board.shipment(told.reader, "shop", "production", ref="main", sha="")
    assert list(present.duty) == ["ana"]
    assert (shipment.sha, shipment.current) == ("a" * 40, "a" * 40)
    assert len(shipment.checks) == 1


def test_no_number_of_newer_changes_hides_a_commit_that_is_named(told) -> None:
    main = {"subject": "change/shop/main", "ref": "main"}
    for letter in "cda":
        told.say(HONEST, Kind.CHANGE, "pushed", revision=letter * 40, **main)
    told.say(HONEST, Kind.DEPLOY, "success", revision="c" * 40, environment="production")
    told.flood(HONEST, 201, Kind.CHANGE, "pushed", revision="b" * 40, **main)
    for sha in ("aaaaaaa", "a" * 40):
        shipment = board.shipment(told.reader, "shop", "production", ref="", sha=sha)
        assert (shipment.sha, shipment.ref) == ("a" * 40, "main")
        assert len(shipment.changes) == 2, "and the one between it and what runs"
    for target, sha in (("shop", "eeeeeee"), ("cart", "aaaaaaa"), ("shop", '"*-\0')):
        with pytest.raises(
            board.UnknownCommitError, match=f"no commit {re.escape(sha)} of {target}"
        ):
            board.shipment(told.reader, target, "production", ref="", sha=sha)


def test_no_number_of_departures_hides_what_is_offered(told) -> None:
    left = {"service": "team", "actor": "eve", "subject": f"member/{device_id(STOLEN)}"}
    offer = {"subject": "target/shop/live", "environment": "live", "executor": device_id(HONEST)}
    told.say(HONEST, Kind.TEAM, "available", **offer)
    told.flood(STOLEN, 2000, Kind.TEAM, "left", **left)
    present = board.Board()
    present.fill(told.reader)
    assert list(present.offers) == [("shop", "live")]
    assert present.left == {device_id(STOLEN)}
    told.say(HONEST, Kind.TEAM, "removed", **offer)
    present = board.Board()
    present.fill(told.reader)
    assert not present.offers


@pytest.mark.parametrize(
    "subject", ["member/nobody", "member/" + "1" * 52, "deploy/shop", "member/"]
)
def test_who_is_no_device_does_not_wait_to_be_let_in(subject) -> None:
    """An issuer could otherwise end the list of members, for everybody, by one odd word."""
    device = device_id(HONEST)
    now = board.Board()
    fields = {
        "kind": Kind.TEAM,
        "state": "asked",
        "service": "team",
        "time": NOW,
        "actor": "bo",
        "expires": NOW + 9,
    }
    asked = [
        make_event(subject=about, key=fact_key("t", Kind.TEAM, about), **fields)
        for about in (subject, f"member/{device}")
    ]
    now.note(asked)
    assert [ask.device for ask in now.waiting(NOW)] == [device]
    assert [six_words(ask.device) for ask in now.waiting(NOW)]


def test_no_number_of_requests_hides_one_that_a_crash_left_unanswered(told, monkeypatch) -> None:
    monkeypatch.setattr(board, "_LOOK_BACK", 25)
    executor = device_id(b"e" * 32)
    honest = told.say(HONEST, Kind.DEPLOY, "requested", executor=executor, reason="honest")
    told.say(HONEST, Kind.DEPLOY, "requested", executor=device_id(b"x" * 32))
    for number in range(120):
        told.say(STOLEN, Kind.DEPLOY, "requested", executor=executor, reason=str(number))
    owed = board.unanswered(told.reader, executor, NOW + 1000)
    assert owed[0] == (honest, device_id(HONEST))
    assert [event.reason for event, _ in owed[1:]] == [str(number) for number in range(100, 120)]
    assert board.unanswered(told.reader, executor, NOW + 3 * 86_400_000) == []


def test_a_plan_takes_the_newest_line_of_its_branch_and_none_that_was_told_late(told) -> None:
    main = {"ref": "main", "subject": "change/shop/main"}
    told.say(HONEST, Kind.CHANGE, "pushed", revision="b" * 40, order=9, **main)
    told.say(HONEST, Kind.CHANGE, "pushed", revision="a" * 40, order=8, **main)
    assert board.shipment(told.reader, "shop", "production", ref="main", sha="").sha == "b" * 40
    told.say(HONEST, Kind.CHANGE, "deleted", previous="b" * 40, order=10, **main)
    with pytest.raises(board.UnknownCommitError, match="main of shop was deleted"):
        board.shipment(told.reader, "shop", "production", ref="main", sha="")
