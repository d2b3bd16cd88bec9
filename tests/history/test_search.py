"""Search finds what a person sees: words on the screen, filters, folded letters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstream_desktop.history import pages
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Facets, Reader
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.line import told as told_line
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query_text import InvalidQueryError, parse_query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.words import MEANINGS, Kind, Severity, outcome

START = 1_760_000_000_000
SHA = "3f2c1ab" + "0" * 33
TITLES = {
    "Größe der Überweisung", "支払い画面のレイアウト", "suite one", "suite two", "suite three",
    "shipped", "5xx over 2 %", "bump by bot", "SHOP-7",
}  # fmt: skip


@pytest.fixture
def told(history: History, new_feed: type) -> History:
    """Ten lines of a day."""
    feed = new_feed()

    def tell(title: str, kind: Kind, state: str, **fields: object) -> None:
        number = str(feed.seq)
        time = START + feed.seq * 60_000
        values: dict[str, object] = {"service": "shop", "subject": f"{kind}/shop/{title}"}
        values |= {"key": fact_key("s", kind, number), "time": time, "number": number}
        event: Event = make_event(kind=kind, state=state, title=title, **(values | fields))  # type: ignore[arg-type]
        history.add([Arrival(feed.entry(event, clock=time << 16), "peer")])

    suite = {"subject": "test/shop/main", "ref": "refs/heads/main"}
    tell("Größe der Überweisung", Kind.CHANGE, "pushed", actor="Jürgen", revision=SHA)
    tell("支払い画面のレイアウト", Kind.CHANGE, "pushed", actor="山田太郎", ref="feature/画面")
    tell("suite one", Kind.TEST, "failed", **suite)
    tell("suite two", Kind.TEST, "failed", **suite)
    tell("suite three", Kind.TEST, "succeeded", **suite)
    tell("shipped", Kind.DEPLOY, "failure", environment="prod", service="acme/shop")
    tell("5xx over 2 %", Kind.INCIDENT, "firing", environment="production",
         subject="incident/shop/5xx", severity=Severity.CRITICAL)  # fmt: skip
    tell("bump by bot", Kind.CHANGE, "merged", actor="bot", service="cart")
    tell("5xx over 2 %", Kind.CLAIM, "claimed", actor="chen", subject="incident/shop/5xx")
    tell("SHOP-7", Kind.TICKET, "opened", actor="dara")
    return history


@pytest.mark.parametrize(
    ("grouped", "few"),
    [(False, 1_000), (True, 1_000), (True, 0)],
    ids=["waiting", "indexed", "much is open"],
)
@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("still failing", {"suite two"}),
        ("fixed", {"suite three"}),
        ("passed", {"suite three"}),
        ("failed", {"suite one", "suite two", "shipped"}),
        ("state:failed", {"suite one", "suite two", "shipped"}),
        ("state:fixed", {"suite three"}),
        ("critical", {"5xx over 2 %", "shipped"}),
        ("severity:info", TITLES),
        ("-severity:info", set()),
        ("severity:info kind:incident", {"5xx over 2 %"}),
        ("severity:error", {"suite one", "suite two", "shipped", "5xx over 2 %"}),
        ("chen on it", {"5xx over 2 %"}),
        ("env:prod", {"shipped", "5xx over 2 %"}),
        ("env:production kind:deploy", {"shipped"}),
        ("prod", {"shipped", "5xx over 2 %"}),
        ("branch:main", {"suite one", "suite two", "suite three"}),
        ("actor:jurgen", {"Größe der Überweisung"}),
        ("actor:JÜRGEN", {"Größe der Überweisung"}),
        ("grosse uberweis", {"Größe der Überweisung"}),
        ("GRÖSSE", {"Größe der Überweisung"}),
        ("画面", {"支払い画面のレイアウト"}),
        ("レイアウト", {"支払い画面のレイアウト"}),
        ("山田", {"支払い画面のレイアウト"}),
        ("太郎", {"支払い画面のレイアウト"}),
        ("面", {"支払い画面のレイアウト"}),
        ("画画", set()),
        ("3f2c", {"Größe der Überweisung"}),
        (SHA, {"Größe der Überweisung"}),
        ("kind:change -bot", {"Größe der Überweisung", "支払い画面のレイアウト"}),
        ("-service:shop -kind:claim", {"bump by bot"}),
        ("service:shop kind:deploy", {"shipped"}),
        ('"suite two" OR bot', {"suite two", "bump by bot"}),
        ("is:red", {"shipped", "5xx over 2 %"}),
        ("is:red kind:incident", {"5xx over 2 %"}),
        ("is:open -is:red", {"SHOP-7"}),
        ("is:claimed", {"5xx over 2 %"}),
        ("is:red 5xx", {"5xx over 2 %"}),
        ("is:red severity:warning -5xx", {"shipped"}),
        ("is:red is:claimed shop", {"5xx over 2 %"}),
        ("is:red is:mine", set()),
        ("is:open shop", {"shipped", "5xx over 2 %", "SHOP-7"}),
        ("is:open shop since:2025-10-09T08:59:30+00:00", {"SHOP-7"}),
        ("is:open until:2025-10-09T08:58:30+00:00 kind:deploy", {"shipped"}),
        ("state:fixed kind:change", set()),
        ("state:fixed kind:test main", {"suite three"}),
        ("fixed -suite", set()),
        ("fixed suite", {"suite three"}),
        ("suite still failing main", {"suite two"}),
        ("shop firing again", set()),
        ("reported late shop", set()),
        ("is:mine", {"bump by bot"}),
        ("is:unseen", {"SHOP-7"}),
        ("since:2025-10-09T08:59:30+00:00", {"5xx over 2 %", "SHOP-7", "bump by bot"}),
        ("until:2025-10-09T08:54:00+00:00", {"Größe der Überweisung"}),
        ("since:2d", set()),
        ("nothing like it", set()),
    ],
)
def test_search(
    query: str,
    titles: set[str],
    grouped: bool,
    few: int,
    told: History,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "_FEW", few)
    if grouped:
        told._lines.index.flush()
    asked = parse_query(query).asked_by(("bot",), Seen(9))
    found = reader.page(asked)
    assert {line.event.title for line in found} == titles
    assert reader.hits(asked) == len(found)
    every = [line.id for line in reader.page(parse_query(""), superseded=True)]
    ids = {line.id for line in found}
    # Asked of some rows, a search answers as it does of all.
    for some in (frozenset(every), frozenset(every[::2]), frozenset(every[3:5]), frozenset[int]()):
        assert reader.among(asked, some) == ids & some
    ids = [line.id for line in found]
    assert ids == sorted(ids, reverse=True)
    assert [line.id for line in reader.page(asked, limit=1)] == ids[:1]
    if ids:
        assert [line.id for line in reader.page(asked, after=ids[-1])] == ids[:-1]
        assert [line.id for line in reader.page(asked, before=ids[0])] == ids[1:]


@pytest.mark.parametrize("few", [1_000, 0])
@pytest.mark.parametrize(
    "query",
    [
        "", "shop", "s", "kind:change", "state:fixed", "state:fixed is:mine", "fixed shop",
        "-state:fixed", "is:red", "is:red shop", "-is:red shop", "is:mine", "is:mine shop",
        "is:unseen", "is:unseen shop", "since:1w", "until:1w", "since:2w until:1w shop",
        "kind:build -shop", "-shop", "a b c d e f g h i j k",
    ],
)  # fmt: skip
def test_no_search_sorts_its_rows_or_looks_at_all(
    query: str, few: int, told: History, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of words, the ids, or few rows lead; whatever rows SQLite counts there."""
    monkeypatch.setattr(pages, "_FEW", few)
    connection = reader._connection()
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    one = parse_query(query).asked_by(("bot",), Seen(9))
    reader.page(one)
    reader.page(one, after=1)
    reader.hits(one)
    connection.set_trace_callback(None)
    for statement in [one for one in asked if "ORDER BY" in one]:
        plan = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)
        assert not any(step.startswith("SCAN lines") for step in plan), (statement, plan)
        if "MATCH" in statement:
            assert plan[0].startswith("SCAN words"), (statement, plan)
            assert "<" in plan[0], "the index stops at a bound"
            assert ">" in plan[0], "the index stops at a bound"


def test_who_says_nothing_of_themselves_has_nothing_and_saw_everything(
    told: History, reader: Reader
) -> None:
    assert reader.page(parse_query("is:mine")) == []
    assert reader.page(parse_query("is:unseen")) == []


@pytest.mark.parametrize("name", ["jürgen", "JÜRGEN", "Jürgen"])
def test_a_name_is_mine_however_it_is_written(
    name: str, told: History, reader: Reader, new_feed: type
) -> None:
    feed = new_feed()
    event = make_event(
        kind=Kind.TICKET, state="opened", service="x", subject="ticket/x/1", time=START + 1,
        key=fact_key("s", "x"), actor="JÜRGEN", title="loud",
    )  # fmt: skip
    told.add([Arrival(feed.entry(event, clock=(START + 1) << 16), "peer")])
    mine = reader.page(parse_query("is:mine").asked_by([name], Seen(0)))
    assert {line.event.title for line in mine} == {"Größe der Überweisung", "loud"}
    others = reader.page(parse_query("-is:mine").asked_by([name], Seen(0)))
    assert len(mine) + len(others) == 11
    assert not {line.id for line in mine} & {line.id for line in others}


def test_completion_knows_what_the_history_holds(told: History, reader: Reader) -> None:
    assert reader.facets() == Facets(
        services=("acme/shop", "cart", "shop"),
        environments=("production",),
        branches=("feature/画面", "main"),
        actors=("bot", "dara", "Jürgen", "山田太郎"),
    )


@pytest.mark.parametrize("version", ["4.2", "5.5", "6.5"])
def test_rows_of_an_earlier_version_are_found_as_they_are_read_again(
    version: str,
    told: History,
    reader: Reader,
    open_history: Callable[[], History],
    sql: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = reader.page(parse_query("kind:test OR kind:change"))
    red = reader.red_now()
    told.close()
    sql(f"UPDATE meta SET value = '{version}' WHERE name = 'index_version'")
    monkeypatch.setattr("devstream_desktop.history.lines.FIRST", 3)
    monkeypatch.setattr("devstream_desktop.history.lines.STEP", 2)
    history = open_history()
    progress = reader.refreshing()
    assert progress is not None
    assert (progress.done, progress.total) == (3, 10)
    assert [line.event.title for line in reader.page(parse_query("SHOP-7"))] == ["SHOP-7"]
    assert len(reader.page(parse_query(""))) == 10, "all is readable meanwhile"
    assert "3 of 10 lines" in progress.sentence
    steps = 0
    while reader.refreshing():
        assert history.tend()
        steps += 1
    assert steps == 4
    assert reader.page(parse_query("kind:test OR kind:change")) == before
    assert reader.red_now() == red
    history.close()


def test_a_title_that_an_earlier_version_cleaned_otherwise_is_found_and_forgotten(
    new_feed: type,
    reader: Reader,
    open_history: Callable[[], History],
    sql: Callable[..., list[object]],
    check_index: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = make_event(
        kind=Kind.CHANGE, state="pushed", service="shop", subject="change/shop/main", time=START,
        key=fact_key("s", "1"), title="[metrics] p99",
    )  # fmt: skip
    feed = new_feed()
    entry = feed.entry(event, clock=START << 16)
    monkeypatch.setattr("devstream_desktop.history.search_index.GROUP", 1)
    with monkeypatch.context() as earlier:
        earlier.setattr(
            "devstream_desktop.stream.event.clean", lambda text, _limit: text.removeprefix("[m")
        )
        history = open_history()
        history.add([Arrival(entry, "peer")])
        history.close()
        assert sql("SELECT rowid FROM words WHERE words MATCH 'etrics'")
    sql("UPDATE meta SET value = '5.5' WHERE name = 'index_version'")
    history = open_history()
    (line,) = reader.page(parse_query("metrics"))
    assert line.event.title == "[metrics] p99"
    assert not reader.page(parse_query("etrics"))
    history.settle(feed.feed, 1, None)
    while history.tend():
        pass
    assert not sql("SELECT rowid FROM words WHERE words MATCH 'metrics OR etrics OR shop'")
    check_index()
    history.close()


def deploy(number: str, **said: object) -> Event:
    values: dict[str, object] = {"state": "success", "service": "shop", "title": number}
    return make_event(
        kind=Kind.DEPLOY, subject=f"deploy/shop/{number}", time=START, environment="production",
        key=fact_key("s", number), actor="bo", revision="3f2c1ab" * 5, **(values | said),
    )  # fmt: skip


ACTS = {
    "rollback": deploy("n1", action="rollback"),
    "rollback failed": deploy("n2", action="rollback", state="failure"),
    "rolled production back to": deploy("n3", action="rollback"),
    "break-glass": deploy("n4", override=True),
    "rollback break-glass": deploy("n5", action="rollback", override=True),
    "dry run errored": deploy("n6", action="dry_run", state="error"),
    "approved": deploy("n7", action="approve", state="accepted"),
    "approve requested": deploy("n8", action="approve", state="requested"),
    "withdrew": deploy("n9", action="withdraw", state="accepted"),
}
"""Words that find an act, and its event."""


def test_a_deploy_is_found_by_what_its_row_says_it_was(
    history: History, new_feed: type, reader: Reader
) -> None:
    def found(words: str) -> set[str]:
        return {line.event.title for line in reader.page(parse_query(words))}

    feed = new_feed()
    history.add([Arrival(feed.entry(one), "peer") for one in (deploy("plain"), *ACTS.values())])
    for words, event in ACTS.items():
        assert event.title in found(words), words
        assert "plain" not in found(words)
    assert found("rollback") == {"n1", "n2", "n3", "n5"}
    assert found("rolled back") == {"n1", "n3", "n5"}, "one that failed rolled nothing back"
    assert found("dry run") == {"n6"}
    assert found("break-glass") == {"n4", "n5"}
    assert found("kind:deploy -rollback") == {"plain", "n4", "n6", "n7", "n8", "n9"}


def test_a_rollback_that_an_earlier_version_indexed_is_found_and_forgotten(
    new_feed: type,
    reader: Reader,
    open_history: Callable[[], History],
    sql: Callable[..., list[object]],
    check_index: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = new_feed()
    event = deploy("412", action="rollback", override=True)
    monkeypatch.setattr("devstream_desktop.history.search_index.GROUP", 1)
    with monkeypatch.context() as earlier:
        earlier.setattr("devstream_desktop.stream.search_text._act", lambda _event: "")
        history = open_history()
        history.add([Arrival(feed.entry(event, clock=START << 16), "peer")])
        history.close()
        assert not reader.page(parse_query("rollback"))
    sql("UPDATE meta SET value = '6.5' WHERE name = 'index_version'")
    history = open_history()
    (line,) = reader.page(parse_query("rollback break-glass"))
    assert line.event.title == "412"
    history.settle(feed.feed, 1, None)
    while history.tend():
        pass
    assert not sql("SELECT rowid FROM words WHERE words MATCH 'rollback OR glass OR shop'")
    check_index()
    history.close()


@pytest.fixture
def meant(history: History, new_feed: type) -> History:
    """One thing of each kind that breaks, is mended and breaks again, and news of older work."""
    feed = new_feed()

    def tell(kind: Kind, state: str, order: int = 0, service: str = "shop") -> None:
        number = str(feed.seq)
        time = START + feed.seq * 60_000
        event = make_event(
            kind=kind, state=state, service=service, subject=f"{kind}/{service}/main", time=time,
            key=fact_key("s", kind, service, number), number=number, order=order,
            title="it" if kind is Kind.TICKET else "",
        )  # fmt: skip
        history.add([Arrival(feed.entry(event, clock=time << 16), "peer")])

    for kind, bad, good in (
        (Kind.TEST, "failed", "succeeded"),
        (Kind.BUILD, "errored", "succeeded"),
        (Kind.INCIDENT, "firing", "resolved"),
        (Kind.SOURCE, "silent", "active"),
        (Kind.TICKET, "opened", "closed"),
    ):
        again = "reopened" if kind is Kind.TICKET else bad
        for order, state in enumerate((bad, bad, good, again, again, good), start=5):
            tell(kind, state, order)
        tell(kind, bad, 1)
    tell(Kind.CHANGE, "pushed", 5)
    tell(Kind.CHANGE, "pushed", 1)
    return history


@pytest.mark.parametrize("word", MEANINGS)
def test_a_meaning_finds_the_lines_that_say_it_and_no_others(
    word: str, meant: History, reader: Reader
) -> None:
    lines = reader.page(parse_query(""), limit=1000)
    # The whole sentence, as it is on screens; an outcome is its verb or the mark before it.
    says = {
        line.id
        for line in lines
        if word in told_line(line).casefold()
        or word == outcome(line.event.kind, line.event.state, line.transition)
    }
    assert says
    for typed in (f'"{word}"', word, f'state:"{word}"', word.upper()):
        assert {line.id for line in reader.page(parse_query(typed), limit=1000)} == says, typed
    for typed in (f'-"{word}"', f'-state:"{word}"'):
        found = {line.id for line in reader.page(parse_query(typed), limit=1000)}
        assert found == {line.id for line in lines} - says, typed


@pytest.mark.parametrize("word", ["new", "regressed", "outdated", "deploy", "dry", "run"])
def test_no_word_is_a_state_that_no_screen_shows(word: str) -> None:
    with pytest.raises(InvalidQueryError, match="no state"):
        parse_query(f"state:{word}")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("until:1969-12-31T12:00+00:00", 0),
        ("since:1901-01-01", 10),
        ("since:9999-12-31T23:59", 0),
        ("until:9999-12-31T23:59", 10),
        ("since:0s", 0),
        ("until:0D", 10),
        ("since:999999w", 10),
        ("since:٣d", 0),
        ("KIND:Ticket", 1),
        ("OR SHOP-7 OR", 1),
        ("SHOP-7 OR - OR ,", 1),
        (", OR SHOP-7", 1),
        ('"SHOP-7', 1),
        ('-"SHOP-7', 9),
        ("SHOP " * 400, 9),
        ("SHOP OR " * 400, 9),
        ("-zzz " * 400, 10),
        ("(SHOP* NEAR 7) ^ + {}", 0),
    ],
)
def test_odd_questions_have_answers(query: str, count: int, told: History, reader: Reader) -> None:
    assert len(reader.page(parse_query(query))) == reader.hits(parse_query(query)) == count


_PIECES = st.sampled_from(
    ["OR", "-", '"', ":", "kind:", "KIND:Test", "since:", "0d", "99999w", "until:1960-01-01",
     "is:mine", "-is:open", "state:fixed", "-fixed", "env:", "画面", "ß", "\0", "'", "*", "(", "x",
     "severity:", "\ue000", "9999-12-31", "NOT", "AND", " "]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(pieces=st.lists(_PIECES, max_size=12), glue=st.sampled_from(["", " "]))
def test_whatever_is_typed_is_answered_or_said_to_be_no_filter(
    pieces: list[str], glue: str, told: History, reader: Reader
) -> None:
    try:
        query = parse_query(glue.join(pieces)).asked_by(("ana", 'o"neil'), Seen(3))
    except InvalidQueryError:
        return
    assert len(reader.page(query, limit=1000)) == reader.hits(query, most=1000)
