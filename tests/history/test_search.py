"""Search finds what a person sees: words on the screen, filters, folded letters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Facets, Reader
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query import parse_query
from devstream_desktop.stream.words import Kind, Severity

START = 1_760_000_000_000
SHA = "3f2c1ab" + "0" * 33


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


@pytest.mark.parametrize("grouped", [False, True], ids=["waiting", "indexed"])
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
    told: History,
    reader: Reader,
) -> None:
    if grouped:
        told._lines.index.flush(told.newest())
    asked = parse_query(query).asked_by(("bot",), seen=9)
    found = reader.page(asked)
    assert {line.event.title for line in found} == titles
    assert reader.hits(asked) == len(found)
    ids = [line.id for line in found]
    assert ids == sorted(ids, reverse=True)
    assert [line.id for line in reader.page(asked, limit=1)] == ids[:1]
    if ids:
        assert [line.id for line in reader.page(asked, after=ids[-1])] == ids[:-1]
        assert [line.id for line in reader.page(asked, before=ids[0])] == ids[1:]


def test_who_says_nothing_of_themselves_has_nothing_and_saw_everything(
    told: History, reader: Reader
) -> None:
    assert reader.page(parse_query("is:mine")) == []
    assert reader.page(parse_query("is:unseen")) == []


def test_completion_knows_what_the_history_holds(told: History, reader: Reader) -> None:
    assert reader.facets() == Facets(
        services=("acme/shop", "cart", "shop"),
        environments=("production",),
        branches=("feature/画面", "main"),
        actors=("bot", "dara", "Jürgen", "山田太郎"),
    )


def test_rows_of_an_earlier_version_are_found_as_they_are_read_again(
    told: History,
    reader: Reader,
    open_history: Callable[[], History],
    sql: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = reader.page(parse_query("kind:test OR kind:change"))
    red = reader.red_now()
    told.close()
    sql("UPDATE meta SET value = '4.2' WHERE name = 'index_version'")
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
