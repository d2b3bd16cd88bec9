"""Commands that answer: red, board, digest, trail, where, claim, mute, why, export."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstream_desktop.cli import things
from devstream_desktop.cli.main import main
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.stream import Claim, Note, Release, Saw
from devstream_desktop.desk.store import DeskStore, Reason
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.node.claims import make_claim, make_note, make_sighting
from devstream_desktop.stream.entry import Entry, body_hash, encode_body, parse_entry
from devstream_desktop.stream.event import Event, encode_event, fact_key, make_event
from devstream_desktop.stream.fact import is_note, is_sighting
from devstream_desktop.stream.line import told as told_line
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.rules import Attention
from devstream_desktop.stream.words import Kind, Severity
from devstream_desktop.team import Team

A, B = "a1" * 20, "b2" * 20
NOW = int(time.time() * 1000) - 60_000


class Told:
    """A history that one feed fills."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._history = History(home.history, FeedMirror(None), bytes(32), "team")
        self._prev, self._seq = b"", 0

    def tell(self, event: Event) -> Entry:
        self._seq += 1
        body = encode_body(
            feed=bytes(40),
            seq=self._seq,
            hlc=(NOW + self._seq) << 16,
            prev=self._prev,
            payload=encode_event(event),
        )
        self._prev = body_hash(body)
        entry = parse_entry(body, bytes(64))
        self._history.add([Arrival(entry, "peer")])
        return entry

    def close(self) -> None:
        self._history.close()


def happened(kind: Kind, state: str, **fields: object) -> Event:
    values: dict[str, object] = {
        "service": "shop",
        "subject": f"{kind}/shop/main",
        "key": fact_key("t", kind, state, str(fields)),
        "time": NOW,
        "actor": "ana",
    }
    return make_event(kind=kind, state=state, **(values | fields))  # type: ignore[arg-type]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setenv("DEVSTREAM_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    home.root.mkdir(mode=0o700)
    story = Told(home)
    push = {"ref": "main", "scope": "f/shop"}
    story.tell(happened(Kind.CHANGE, "pushed", revision=A, number=A, **push))
    story.tell(happened(Kind.DEPLOY, "success", revision=A, environment="prod", number="1"))
    story.tell(happened(Kind.CHANGE, "pushed", revision=B, number=B, title="=cmd()", **push))
    story.tell(
        happened(
            Kind.INCIDENT, "firing", subject="incident/shop/5xx", title="5xx over 2 %",
            environment="production", severity=Severity.CRITICAL, number="n1", scope="am",
        )
    )  # fmt: skip
    yield story
    story.close()


Run = Callable[..., str]


@pytest.fixture
def run(told: Told, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(words: str, code: int = 0) -> str:
        assert main(words.split()) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return command


def test_red(run: Run) -> None:
    assert "firing: 5xx over 2 % on production · critical" in run("red")
    (line,) = run("red --json").splitlines()
    found = json.loads(line)
    assert (found["state"], found["severity"], found["claimed_by"]) == ("firing", "critical", "")
    assert found["suspect"]["revision"] == A


def test_board(run: Run, told: Told) -> None:
    told.home.preferences.write_text('names = ["Ana"]\n')
    assert "red: 5xx over 2 %; 1 waiting, 1 yours" in run("board")
    (line,) = run("board --json").splitlines()
    cell = json.loads(line)
    assert (cell["service"], cell["environment"], cell["revision"]) == ("shop", "production", A)


def test_what_is_mine_goes_by_the_name_in_the_team_too(
    run: Run, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.tell(happened(Kind.TICKET, "opened", subject="ticket/shop/1", actor="JÜRGEN", title="net"))
    assert run("search is:mine") == ""
    assert "1 waiting\n" in run("board")
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(told.home.root / "key"))
    Team.create(told.home, Vault.open(told.home), "acme", "Jürgen")
    assert "JÜRGEN opened" in run("search is:mine")
    assert len(run("export is:mine OR kind:change").splitlines()) == 3
    assert "JÜRGEN" not in run("search -- -is:mine")
    told.home.preferences.write_text('names = ["ANA"]\n')
    assert "1 waiting, 1 yours" in run("board")
    assert len(run("search -n 9 is:mine").splitlines()) == 5
    # Where the home's own word cannot be read, the policy names the person.
    (told.home.team / "team.json").write_text("{")
    assert len(run("search -n 9 is:mine").splitlines()) == 5


def test_names_are_apart_however_wide_they_are(run: Run, told: Told) -> None:
    wide, long = "支払い基盤", "a-service-with-a-very-long-name"
    for service, place, sha in (
        (wide, "本番環境", "c3"),
        (long, "staging-eu-central-1-blue", "d4"),
    ):
        told.tell(
            happened(Kind.CHANGE, "pushed", service=service, subject=f"change/{service}/main",
                     revision=sha * 20, number=sha, ref="main", scope=f"f/{sha}")
        )  # fmt: skip
        told.tell(
            happened(Kind.DEPLOY, "success", service=service, environment=place,
                     revision=sha * 20, number=sha)
        )  # fmt: skip
    board = run("board").splitlines()
    # Two columns a letter: the places begin below each other.
    assert f"{wide}{' ' * 10} 本番環境{' ' * 6} ✓" in "\n".join(board)
    assert any(line.startswith(f"{long} staging-eu-central-1-blue ✓") for line in board)
    assert run("where c3c3") == f"{wide}{' ' * 10} 本番環境{' ' * 8} runs\n"
    assert run("where d4d4") == f"{long} staging-eu-central-1-blue runs\n"
    assert "Shipped: 3\n" in run("digest")


def test_a_quiet_shift_is_said(told: Told, run: Run) -> None:
    empty = Home(told.home.root / "other")
    empty.root.mkdir(mode=0o700)
    Told(empty).close()
    assert "nothing is broken" in run(f"--home {empty.root} digest")
    assert "nothing is broken" not in run("digest --since 9999-12-31")


@pytest.mark.parametrize("command", ["mute", "claim"])
def test_no_name_is_no_thing(command: str, told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "", " "]) == 1
    assert "no thing is named" in capsys.readouterr().err


@pytest.mark.parametrize("name", ['"', "%s", "[a-", "5xx\x00", "--", "\u202e", "長" * 500, "OR"])
def test_an_odd_name_is_a_name(name: str, told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("mute", "claim", "why", "trail", "where"):
        assert main([command, "--", f"x{name}"]) == 1
        assert "Traceback" not in capsys.readouterr().err
    assert main(["search", "--", name]) == 0


def test_digest(run: Run) -> None:
    said = run("digest --since 1h")
    assert "Broken, and nobody is on it: 1" in said
    assert "Waiting for shop production: 1 change\n" in said
    assert len(json.loads(run("digest --json"))["shipped"]) == 1
    assert json.loads(run("digest --since 1s --json"))["shipped"] == []


def test_trail_and_where(run: Run) -> None:
    assert "deployed a1a1a1a to prod" in run("trail a1a1")
    assert len(json.loads(run("trail a1a1 --json"))["incidents"]) == 1
    assert "waits: a1a1a1a runs" in run(f"where {B}")
    assert json.loads(run("where a1a1 --json"))["presence"] == "runs"
    assert "no commit that begins with 'dead'" in run("trail dead", 1)


def test_export(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("export --csv"))))
    assert len(rows) == 4
    assert [row["title"] for row in rows if row["revision"] == B] == ["'=cmd()"], "no formula"
    assert len(run("export kind:change").splitlines()) == 2
    assert "choose one" in run("export --csv --json", 2)
    assert "choose one" in run("export --format cdevents --csv", 2)
    assert run("export --since 2999-01-01") == ""
    assert len(run("export --format jsonl --until 2999-01-01").splitlines()) == 4
    types = [
        json.loads(line)["context"]["type"] for line in run("export --format cdevents").splitlines()
    ]
    assert sorted({one.split(".")[2] for one in types}) == ["change", "incident", "service"]


def test_mute_is_this_desks_own_and_ends(run: Run, told: Told) -> None:
    topic = "incident/5xx\x1fam"
    assert "does not pop up here for 60 minutes" in run("mute 5xx --for 1h")
    with DeskStore(told.home.desk) as store:
        assert topic in store.muted(NOW + 3_500_000)
    assert "may pop up here again" in run("mute 5xx --end")
    with DeskStore(told.home.desk) as store:
        assert topic not in store.muted(0)


def test_why(run: Run, told: Told) -> None:
    entry = json.loads(run("red --json"))["line"]["id"]
    assert "no memory of it" in run(f"why {entry[:8]}")
    with DeskStore(told.home.desk) as store:
        store.keep_reasons([Reason(entry, Attention.QUIET, "you were off duty")])
    assert "It did not pop up: you were off duty." in run(f"why {entry}")
    assert json.loads(run(f"why {entry} --json"))["attention"] == "quiet"
    assert "no line has an id" in run("why 00000000", 1)


def test_a_thing_is_named_by_words_that_only_one_has(run: Run, told: Told) -> None:
    told.tell(happened(Kind.BUILD, "failed", title="CI", subject="build/shop/main/ci"))
    assert "2 open things are called 'shop'" in run("mute shop", 1)
    assert "nothing that is open is called 'nothing'" in run("mute nothing", 1)
    assert "does not pop up" in run("mute shop 5xx")


def test_a_thing_is_named_among_all_that_is_open(
    run: Run, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(101):
        alert = {"subject": f"incident/a{n}", "title": f"alert{n}", "severity": Severity.CRITICAL}
        told.tell(happened(Kind.INCIDENT, "firing", scope="am", **alert))
        ticket = {"subject": f"ticket/T-{n}", "title": f"task{n}", "number": f"T-{n}"}
        told.tell(happened(Kind.TICKET, "opened", **ticket))
    assert "alert100 does not pop up here" in run("mute alert100")
    assert "task0 does not pop up here" in run("mute task0")
    assert "2 open things are called 'alert10'" in run("mute alert10", 1)
    monkeypatch.setattr(things, "_MOST", 100)
    for words in ("alert100", "alert99", "nothing"):
        assert "more than 100 things are open" in run(f"mute {words}", 1)
    assert "11 open things are called 'alert1'" in run("mute alert1", 1)


def test_a_note_says_something_and_claims_nothing(told: Told) -> None:
    with Reader(told.home.history) as reader:
        (thing,) = reader.red_now()
        entry = thing.line.entry
        for text, to, mistake in (
            ("", "", "needs a line"),
            ("x", "zoe", "called 'zoe'; there are"),
        ):
            with pytest.raises(ControlError, match=mistake):
                make_note(reader, Note(entry=entry, note=text, to=to), "bo", ["ana", "bo"], NOW)
        told.tell(make_claim(reader, Claim(entry=entry), "ana", NOW)[0])
        asked = Note(entry=entry, note="I have to leave", to="bo")
        for person, place in (("ana", 1), ("bo", 2), ("ana", 3)):
            note, said = make_note(reader, asked, person, ["ana", "bo"], NOW + place)
            assert said == "everybody can read it beside 5xx over 2 %, for bo to take over"
            told.tell(note)
        (thing,) = reader.red_now()
        assert thing.claimed_by == "ana", "who writes a note stays on it, and nobody else comes"
        assert thing.claim is not None
        assert thing.claim.event.action == ""
        rows = [told_line(line) for line in reader.page(parse_query("kind:claim"))]
        assert len(rows) == 4, "each note is a row of its own"
        assert rows[0].startswith("shop  ana asks bo to take over · I have to leave")
        assert len(reader.page(parse_query("noted bo"))) == 3
        assert [line.event.actor for line in reader.page(parse_query("state:claimed"))] == ["ana"]
        past = reader.subject(thing.line.event)
        assert sum(is_note(line.event) for line in past) == 3


def test_a_sighting_is_counted_with_its_thing_and_no_line(told: Told, run: Run) -> None:
    with Reader(told.home.history) as reader:
        (thing,) = reader.red_now()
        saw = Saw(entry=thing.line.entry)
        before = reader.page(parse_query(""))
        told.tell(make_claim(reader, Claim(entry=saw.entry), "ana", NOW)[0])
        for place, person in enumerate(("ana", "bo", "chen")):
            event = make_sighting(reader, saw, person, NOW + place)
            assert event is not None
            assert event.quiet
            told.tell(event)
            assert make_sighting(reader, saw, person, NOW + 9) is None, "said already"
        assert make_sighting(reader, saw, "dara", NOW) is None, "three are enough"
        (thing,) = reader.red_now()
        assert thing.seen_by == ("ana", "bo", "chen")
        assert thing.claimed_by == "ana"
        assert len(reader.page(parse_query(""))) == len(before) + 1, "the claim alone"
        claims = parse_query("kind:claim")
        assert len(reader.page(claims)) == reader.hits(claims) == 1
        assert not [line for line in reader.since(0) if is_sighting(line.event)]
        assert not [line for line in reader.subject(thing.line.event) if is_sighting(line.event)]
        assert "seen by ana, bo, chen" in run("red")
        again = {"subject": "incident/shop/5xx", "environment": "production", "number": "n2"}
        told.tell(happened(Kind.INCIDENT, "resolved", title="5xx over 2 %", scope="am", **again))
        told.tell(
            happened(Kind.INCIDENT, "firing", title="5xx over 2 %", scope="am",
                     severity=Severity.CRITICAL, **again)
        )  # fmt: skip
        (thing,) = reader.red_now()
        assert thing.seen_by == (), "that was another time"


def test_what_can_wait_has_no_sighting(told: Told) -> None:
    told.tell(happened(Kind.BUILD, "failed", title="CI", subject="build/shop/main/ci"))
    with Reader(told.home.history) as reader:
        build = next(one for one in reader.red_now() if one.kind is Kind.BUILD)
        assert make_sighting(reader, Saw(entry=build.line.entry), "bo", NOW) is None


def test_a_claim_belongs_to_its_thing_and_ends_with_it(told: Told) -> None:
    with Reader(told.home.history) as reader:
        entry = reader.red_now()[0].line.entry
        with pytest.raises(ControlError, match="nobody is on it"):
            make_claim(reader, Release(entry=entry), "bo", NOW)
        event, said = make_claim(reader, Claim(entry=entry, note="looking"), "bo", NOW)
        assert said == "bo is on 5xx over 2 %"
        told.tell(event)
        (thing,) = reader.red_now()
        assert (thing.claimed_by, thing.claim and thing.claim.event.reason) == ("bo", "looking")
        with pytest.raises(ControlError, match="bo is on it"):
            make_claim(reader, Release(entry=entry), "ana", NOW)
        released, _ = make_claim(reader, Release(entry=entry), "bo", NOW + 1)
        told.tell(released)
        assert reader.red_now()[0].claim is None
        told.tell(
            happened(Kind.INCIDENT, "resolved", subject="incident/shop/5xx", number="n1",
                     environment="production", title="5xx over 2 %", scope="am")
        )  # fmt: skip
        with pytest.raises(ControlError, match="is resolved, so there is nothing to claim"):
            make_claim(reader, Claim(entry=entry), "bo", NOW + 2)
        with pytest.raises(ControlError, match="no line"):
            make_claim(reader, Claim(entry="00" * 32), "bo", NOW)


def test_red_says_that_there_are_more(run: Run, told: Told, capsys: pytest.CaptureFixture) -> None:
    told.tell(
        happened(
            Kind.INCIDENT, "firing", subject="incident/shop/slow", title="slow", number="n2",
            environment="production", severity=Severity.WARNING, scope="am",
        )
    )  # fmt: skip
    assert main(["red", "-n", "1"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1
    assert "the worst 1; there are more, with --limit" in shown.err
    assert main(["red", "-n", "2"]) == 0
    assert capsys.readouterr().err == ""


def test_a_value_with_a_blank_survives_the_shell(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(*words: str) -> int:
        assert main([*words]) == 0
        return len(capsys.readouterr().out.splitlines())

    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(NOW / 1000 - 3600))
    every = lines("export")
    assert every == 4
    assert lines("export", "--since", day) == lines("export", f"since:{day}") == every
    assert lines("export", "--until", day) == 0
    # The shell takes the quotes of state:"in progress".
    told.tell(happened(Kind.DEPLOY, "in_progress", revision=B, environment="qa", number="2"))
    assert lines("search", "state:in progress") == 1
    assert lines("search", "state:success kind:deploy") == 1
    assert main(["search", "state:still"]) == 2
    assert 'do you mean "still failing"' in capsys.readouterr().err
    assert lines("search", "state:still failing") == 0
