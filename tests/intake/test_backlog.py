"""After an outage: one digest that names its reds, and not a flood (docs/identity.md)."""

from __future__ import annotations

import pytest
from paged_forges import HubRuns
from paging import Document, Straight, Told, poller_of

from devstream_desktop.intake.backlog import BEHIND, digested, is_digest
from devstream_desktop.intake.poll import chain
from devstream_desktop.intake.poll.http_client import FetchError
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.line import render
from devstream_desktop.stream.rules import is_repeat
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind, Severity, Transition

NOW = 1_800_000_000_000
HOUR = 3_600_000


def event(
    kind: Kind, state: str, name: str, number: int, severity: Severity | None = None
) -> Event:
    return make_event(
        kind=kind,
        state=state,
        service="shop",
        subject=f"{kind}/shop/main/{name}",
        key=fact_key("t", kind, name, state, str(number)),
        time=NOW + number,
        number=str(number),
        title=name,
        ref="main",
        scope="git.example.org/acme/shop",
        severity=severity,
    )


def backlog(*news: Event, red: bool = False) -> list[Event]:
    return digested(news, source="hub", since=NOW - HOUR, now=NOW + HOUR, was_red=lambda _: red)


def loud(events: list[Event]) -> list[str]:
    return [render(event) for event in events if not event.quiet]


def test_what_was_over_again_is_history() -> None:
    failed = event(Kind.TEST, "failed", "unit", 1)
    fixed = event(Kind.TEST, "succeeded", "unit", 2)
    assert loud(backlog(failed, fixed)) == []
    assert loud(backlog(failed, fixed, red=True)) == [render(fixed)], "it was red before"
    assert loud(backlog(fixed, event(Kind.TEST, "failed", "unit", 3)))[0].startswith(
        "shop  unit FAILED"
    )


def test_a_few_lines_are_told_as_ever() -> None:
    few = [event(Kind.TEST, "failed", name, 1) for name in ("a", "b", "c")]
    assert backlog(*few) == few


def test_many_are_one_digest_that_names_its_reds() -> None:
    news = [event(Kind.TICKET, "opened", f"t{number}", number) for number in range(20)]
    news += [
        event(Kind.TEST, "failed", "integration", 30),
        event(Kind.INCIDENT, "firing", "Queue", 31),
    ]
    told = backlog(*news)
    assert [one.key for one in told[:-1]] == [one.key for one in news]
    (line,) = loud(told)
    assert line == (
        "hub  source hub was not read for 2h00m: 22 lines"
        " · integration FAILED on main, firing: Queue · error"
    )
    assert told[-1].severity is Severity.ERROR
    assert backlog(*news)[-1].key == told[-1].key, "the same when it is told again"


def test_a_digest_names_as_many_as_fit() -> None:
    told = backlog(*(event(Kind.TEST, "failed", f"suite {number}", number) for number in range(40)))
    assert told[-1].reason.endswith("more")
    assert len(told[-1].reason) <= 200


def test_a_critical_line_stands_for_itself() -> None:
    news = [event(Kind.TICKET, "opened", f"t{number}", number) for number in range(20)]
    worst = event(Kind.INCIDENT, "firing", "Checkout", 40, Severity.CRITICAL)
    told = backlog(*news, worst)
    assert loud(told)[0].startswith("shop  firing: Checkout")
    assert len(loud(told)) == 2


def test_a_digest_pops_up() -> None:
    news = [event(Kind.TICKET, "opened", f"t{number}", number) for number in range(20)]
    line = Line(
        id=1,
        arrival=1,
        event=backlog(*news)[-1],
        entry="",
        received=NOW,
        device="",
        author="hub",
        transition=Transition.NONE,
        superseded=False,
    )
    assert not is_repeat(line)


class FailingRuns(HubRuns):
    """Runs of as many workflows; each third fails."""

    def item(self, number: int) -> Document:
        conclusion = "success" if number % 3 else "failure"
        workflow = {
            "workflow_id": number,
            "name": f"CI {number}",
            "path": f".github/workflows/{number}.yml",
        }
        return super().item(number) | {"conclusion": conclusion} | workflow


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FailingRuns:
    made = FailingRuns()
    monkeypatch.setattr(chain, "Fetcher", lambda *_: Straight(made, lambda: False))
    return made


@pytest.mark.parametrize(("away", "digests"), [(BEHIND // 2, 0), (BEHIND * 4, 1)])
async def test_a_poller_tells_the_backlog_of_an_outage_in_one_line(
    service, notes, clock, away, digests
) -> None:
    told = Told()
    poller = poller_of(service, "http://127.0.0.1", notes, told, clock)
    for _ in range(3):
        await poller.poll()
        clock.now += 30_000
    before = clock.now
    clock.now += away
    service.happen(9, before, clock.now)
    # A node that was off has another poller.
    poller = poller_of(service, "http://127.0.0.1", notes, told, clock)
    await poller.poll()
    assert len([one for one in told.events if is_digest(one)]) == digests
    runs = [one for one in told.events if one.kind is not Kind.SOURCE]
    assert len(runs) == 9
    assert all(one.quiet for one in runs) == bool(digests)
    clock.now += 30_000
    service.happen(5, clock.now - 30_000, clock.now)
    await poller.poll()
    assert not any(one.quiet for one in told.events[-5:]), "the next round is as ever"


async def test_an_outage_that_is_told_needs_no_second_line_that_it_is_over(
    service, notes, clock, monkeypatch
) -> None:
    told, away = Told(), [False]
    monkeypatch.setattr(chain, "Fetcher", lambda *_: Straight(service, lambda: away[0]))
    poller = poller_of(service, "http://127.0.0.1", notes, told, clock)
    await poller.poll()
    away[0] = True
    for _ in range(3):
        clock.now += BEHIND
        with pytest.raises(FetchError) as failure:
            await poller.poll()
        await poller.health.failed(clock.now, str(failure.value))
    away[0] = False
    service.happen(9, clock.now - BEHIND, clock.now)
    await poller.poll()
    said = [one for one in told.events if one.kind is Kind.SOURCE and not one.quiet]
    assert [one.state for one in said] == ["silent", "active"]
    assert is_digest(said[-1])
    assert said[-1].reason.count("FAILED") == 3
