"""The one line, for every kind and state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.event import Event, InvalidEventError, fact_key, make_event
from devstream_desktop.stream.line import (
    BRIEF_WIDTH,
    LIST_WIDTH,
    POPUP_WIDTH,
    brief,
    headline,
    render,
)
from devstream_desktop.stream.words import STATES, Kind, Severity, Transition

SHA, OLD = "3f2c1ab" + "0" * 33, "9be01fd" + "0" * 33


def an_event(kind: Kind, state: str, **fields: object) -> Event:
    values: dict[str, object] = {
        "service": "shop",
        "subject": f"{kind}/shop/x",
        "key": fact_key("t", kind, state),
        "time": 1,
    }
    return make_event(kind=kind, state=state, **(values | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "transition", "line"),
    [
        (
            an_event(
                Kind.CHANGE,
                "pushed",
                actor="ana",
                ref="refs/heads/main",
                revision=SHA,
                count=3,
                title="Retry card capture once",
            ),
            Transition.NONE,
            "shop  ana pushed 3 commits to main · 3f2c1ab — Retry card capture once",
        ),
        (
            an_event(Kind.CHANGE, "pushed", actor="ana", ref="main", revision=SHA, count=1),
            Transition.NONE,
            "shop  ana pushed 1 commit to main · 3f2c1ab",
        ),
        (
            an_event(
                Kind.CHANGE,
                "merged",
                actor="ana",
                ref="main",
                revision=SHA,
                title="Retry card capture (#12)",
            ),
            Transition.NONE,
            "shop  ana merged 3f2c1ab into main — Retry card capture (#12)",
        ),
        (
            an_event(Kind.CHANGE, "merged", revision="482", title="Retry card capture"),
            Transition.NONE,
            "shop  somebody merged 482 — Retry card capture",
        ),
        (
            an_event(
                Kind.CHANGE, "force-pushed", actor="cy", ref="main", revision=SHA, previous=OLD
            ),
            Transition.NONE,
            "shop  cy force-pushed main from 9be01fd to 3f2c1ab",
        ),
        (
            an_event(
                Kind.TEST,
                "failed",
                title="integration",
                ref="main",
                revision=SHA,
                count=2,
                total=214,
            ),
            Transition.FAILED,
            "shop  integration FAILED on main at 3f2c1ab · 2 of 214 tests",
        ),
        (
            an_event(
                Kind.BUILD,
                "succeeded",
                title="CI",
                ref="main",
                revision=SHA,
                actor="bo",
                duration=41 * 60_000,
            ),
            Transition.FIXED,
            "shop  CI fixed on main at 3f2c1ab · in 41m00s · by bo",
        ),
        (
            an_event(Kind.BUILD, "failed", title="CI", ref="main"),
            Transition.STILL_FAILING,
            "shop  CI still failing on main",
        ),
        (
            an_event(
                Kind.BUILD,
                "succeeded",
                title="CI",
                ref="main",
                actor="bo",
                reason="Retry card capture " + "once " * 30,
            ),
            Transition.NONE,
            f"shop  CI passed on main · by bo — Retry card capture{13 * ' once'}…",
        ),
        (
            an_event(
                Kind.DEPLOY,
                "success",
                actor="bo",
                environment="production",
                revision=SHA,
                duration=192_000,
            ),
            Transition.NONE,
            "shop  bo deployed 3f2c1ab to production in 3m12s",
        ),
        (
            an_event(
                Kind.DEPLOY,
                "refused",
                actor="bo",
                environment="production",
                revision=SHA,
                reason="bo may not",
            ),
            Transition.NONE,
            "shop  bo's deploy of 3f2c1ab to production was refused · bo may not",
        ),
        (
            an_event(
                Kind.INCIDENT,
                "firing",
                title="HighErrorRate",
                environment="production",
                severity=Severity.CRITICAL,
            ),
            Transition.NEW,
            "shop  firing: HighErrorRate on production · critical",
        ),
        (
            an_event(Kind.INCIDENT, "resolved", title="HighErrorRate", duration=18 * 60_000),
            Transition.FIXED,
            "shop  resolved: HighErrorRate after 18m00s",
        ),
        (
            an_event(Kind.TICKET, "opened", actor="eva", number="SHOP-912", title="Coupon"),
            Transition.NEW,
            "shop  eva opened SHOP-912 — Coupon",
        ),
        (an_event(Kind.DUTY, "on", actor="ana"), Transition.NONE, "shop  ana is on duty"),
        (
            an_event(Kind.SOURCE, "silent", source="hub", reason="no answer"),
            Transition.FAILED,
            "shop  source hub went silent · no answer",
        ),
        (
            an_event(Kind.SOURCE, "active", source="hub"),
            Transition.FIXED,
            "shop  source hub is back",
        ),
        (
            an_event(Kind.SOURCE, "active", source="hub", title="test of this source"),
            Transition.NONE,
            "shop  source hub answers — test of this source",
        ),
        (
            an_event(Kind.SOURCE, "active", source="hub", expires=1_800_000_000_000),
            Transition.NONE,
            "shop  the token of source hub ends on 2027-01-15",
        ),
        (an_event(Kind.TEAM, "joined", actor="bob"), Transition.NONE, "shop  bob joined the team"),
        (
            an_event(Kind.TEAM, "asked", actor="bob", reason="six words"),
            Transition.NONE,
            "shop  bob asks to join the team · six words",
        ),
        (
            an_event(Kind.TEAM, "rejected", actor="bob"),
            Transition.NONE,
            "shop  bob was rejected by the team",
        ),
    ],
)
def test_the_wording(event: Event, transition: Transition, line: str) -> None:
    assert render(event, transition) == line


@pytest.mark.parametrize(
    ("event", "transition", "line"),
    [
        (
            an_event(Kind.TICKET, "opened", actor="eva", number="2", title="Spelling error"),
            Transition.NEW,
            "shop  eva opened #2 — Spelling error",
        ),
        (
            an_event(Kind.INCIDENT, "resolved", title="All set. (#3)"),
            Transition.FIXED,
            "shop  resolved: All set. (#3)",
        ),
        (
            an_event(Kind.INCIDENT, "resolved", title="shop.example.org is down", duration=180_000),
            Transition.FIXED,
            "shop  shop.example.org is up after 3m00s",
        ),
        (
            an_event(Kind.INCIDENT, "firing", title="check-in is missing"),
            Transition.NEW,
            "shop  firing: check-in is missing · error",
        ),
        (
            an_event(Kind.INCIDENT, "firing", title="Slow", duration=7_200_000),
            Transition.REGRESSED,
            "shop  firing again since 2h00m: Slow · error",
        ),
        (
            an_event(Kind.INCIDENT, "firing", title="TypeError", subject="incident/shop/error/7"),
            Transition.NEW,
            "shop  error: TypeError",
        ),
        (
            an_event(Kind.DEPLOY, "success", actor="bo", revision=SHA),
            Transition.NONE,
            "shop  bo deployed 3f2c1ab",
        ),
        (
            an_event(Kind.DEPLOY, "failure", actor="bo", revision=SHA, environment="production"),
            Transition.NONE,
            "shop  bo's deploy of 3f2c1ab to production FAILED",
        ),
        (
            an_event(Kind.CHANGE, "merged", actor="ana", ref="main", title="Retry (#7)"),
            Transition.NONE,
            "shop  ana merged #7 into main — Retry",
        ),
        (
            an_event(Kind.BUILD, "failed", title="shop", ref="main", number="93"),
            Transition.FAILED,
            "shop  build #93 FAILED on main",
        ),
        (
            an_event(Kind.BUILD, "failed", title="nightly", number="93"),
            Transition.FAILED,
            "shop  nightly #93 FAILED",
        ),
        (
            an_event(Kind.BUILD, "failed", title="CI", ref="main", number="93"),
            Transition.FAILED,
            "shop  CI FAILED on main",
        ),
        (
            an_event(Kind.CHANGE, "pushed", actor="ana", ref="main", revision=SHA),
            Transition.NONE,
            "shop  ana pushed to main · 3f2c1ab",
        ),
        (
            an_event(Kind.CHANGE, "reset", actor="ana", ref="main", revision=SHA, previous=OLD),
            Transition.NONE,
            "shop  ana reset main from 9be01fd to 3f2c1ab",
        ),
    ],
)
def test_k12_the_wording_trips_nobody(event: Event, transition: Transition, line: str) -> None:
    assert render(event, transition) == line


@pytest.mark.parametrize("width", [60, POPUP_WIDTH, LIST_WIDTH])
@pytest.mark.parametrize("long", ["word " * 30, "w" * 140])
def test_k12_what_happened_is_never_cut(width: int, long: str) -> None:
    for kind, state, word in (
        (Kind.BUILD, "failed", "FAILED"),
        (Kind.TEST, "succeeded", "passed"),
        (Kind.DEPLOY, "failure", "FAILED"),
        (Kind.INCIDENT, "resolved", "resolved"),
        (Kind.INCIDENT, "firing", "firing"),
    ):
        event = an_event(kind, state, title=long, ref=long, environment=long, reason=long)
        line = render(event, width=width)
        assert word in line
        assert len(line) <= width
        assert "·…" not in line.replace(" ", "")


def test_the_title_gives_way_and_the_actor_stays() -> None:
    event = an_event(
        Kind.CHANGE, "pushed", actor="a" * 60, ref="main", revision=SHA, title="word " * 40
    )
    line = render(event, width=POPUP_WIDTH)
    assert len(line) <= POPUP_WIDTH
    assert "a" * 60 in line


@given(
    st.sampled_from([(kind, state) for kind, states in STATES.items() for state in states]),
    st.sampled_from(list(Transition)),
    st.text(max_size=200),
    st.sampled_from([20, POPUP_WIDTH, LIST_WIDTH]),
    st.booleans(),
)
def test_every_event_is_one_clean_line(
    kind_state: tuple[Kind, str], transition: Transition, text: str, width: int, service: bool
) -> None:
    kind, state = kind_state
    try:
        event = an_event(
            kind,
            state,
            service=text + "s",
            actor=text,
            title=text,
            ref=text,
            revision=text,
            reason=text,
            environment=text,
            number=text,
        )
    except InvalidEventError:
        return
    line = render(event, transition, width=width, service=service)
    assert 0 < len(line) <= width
    assert line.isprintable()


@pytest.mark.parametrize(
    ("kind", "state"), [(kind, state) for kind, states in STATES.items() for state in states]
)
def test_titles_and_steps_are_short_and_say_something(kind: Kind, state: str) -> None:
    event = an_event(
        kind,
        state,
        environment="production",
        actor="ana",
        revision=SHA,
        ref="refs/heads/main",
        title="T" * 140,
    )
    for transition in Transition:
        title = headline(event, transition)
        assert title.startswith("Production: shop ")
        assert len(title) <= POPUP_WIDTH
        step = brief(event, transition)
        assert 0 < len(step) <= BRIEF_WIDTH
        assert "  " not in step
