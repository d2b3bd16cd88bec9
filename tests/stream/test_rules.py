"""Rules of attention, beside a plain reading of their conditions."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.rules import DEFAULT, Attention, Rule, first
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import OUTCOMES, STATES, Kind, Severity, Transition, outcome

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
"""A Wednesday."""
ANA = frozenset({"ana", "ana@example.org"})


def a_line(kind: Kind, state: str, **fields: object) -> Line:
    given_fields: dict[str, object] = {"service": "shop", "subject": "x", "time": 1} | fields
    key = fact_key("t", kind, state)
    event = make_event(kind=kind, state=state, key=key, **given_fields)  # type: ignore[arg-type]
    return Line(
        id=1,
        arrival=1,
        event=event,
        entry="",
        received=1,
        device="d",
        author="bo",
        transition=Transition.NONE,
        superseded=False,
    )


def says(rule: Rule, line: Line, at: datetime = NOON) -> bool:
    return rule.fits(line, ANA, at)


def a_rule(**conditions: object) -> Rule:
    return msgspec.convert({"name": "r", "then": "popup", **conditions}, Rule)


def test_a_rule_without_conditions_holds_for_everything() -> None:
    assert all(says(a_rule(), a_line(kind, state)) for kind in Kind for state in STATES[kind])


def test_states_are_named_by_the_words_of_the_screen() -> None:
    back = msgspec.structs.replace(a_line(Kind.TEST, "succeeded"), transition=Transition.FIXED)
    assert says(a_rule(state=["fixed"]), back)
    assert not says(a_rule(state=["passed"]), back)
    assert says(a_rule(state=["passed"]), a_line(Kind.TEST, "succeeded"))


@pytest.mark.parametrize(
    ("hours", "at", "holds"),
    [
        ("08:00-18:00", "08:00", True),
        ("08:00-18:00", "18:00", False),
        ("22:00-06:00", "23:30", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "12:00", False),
    ],
)
def test_hours_go_over_midnight(hours: str, at: str, holds: bool) -> None:
    hour, minute = map(int, at.split(":"))
    moment = NOON.replace(hour=hour, minute=minute)
    assert says(a_rule(hours=hours), a_line(Kind.CHANGE, "pushed"), moment) is holds


def test_days_and_mine() -> None:
    line = a_line(Kind.CHANGE, "pushed", actor="ana")
    assert says(a_rule(days=["Wed"]), line)
    assert not says(a_rule(days=["Sat", "Sun"]), line)
    assert says(a_rule(mine=True), line)
    assert says(a_rule(mine=True), a_line(Kind.CHANGE, "pushed", actor="Ana@example.org"))
    assert not says(a_rule(mine=False), line)


NAMES = st.sampled_from(["shop", "Shop", "search", "billing-api", ""])
PATTERNS = st.lists(st.sampled_from(["shop", "s*", "*api", "nothing"]), max_size=2)


@given(
    rules=st.lists(
        st.fixed_dictionaries(
            {
                "kind": st.lists(st.sampled_from(list(Kind)), max_size=2),
                "service": PATTERNS,
                "severity": st.sampled_from([None, "warning", "critical"]),
            }
        ),
        max_size=4,
    ),
    kind=st.sampled_from(list(Kind)),
    service=NAMES,
    severity=st.sampled_from(list(Severity)),
)
def test_the_first_that_fits_decides(
    rules: list[dict[str, object]], kind: Kind, service: str, severity: Severity
) -> None:
    line = a_line(kind, STATES[kind][0], service=service or "x", severity=severity)
    name = line.event.service.lower()

    def fits(rule: dict[str, object]) -> bool:
        least = rule["severity"]
        kinds, services = rule["kind"], rule["service"]
        assert isinstance(kinds, list)
        assert isinstance(services, list)
        return (
            (kinds == [] or kind in kinds)
            and (services == [] or any(fnmatchcase(name, pattern) for pattern in services))
            and (least is None or severity >= Severity[str(least).upper()])
        )

    expected = next((place for place, rule in enumerate(rules) if fits(rule)), None)
    made = tuple(a_rule(**{**rule, "name": str(place)}) for place, rule in enumerate(rules))
    found = first(made, line, ANA, NOON)
    assert (found.name if found else None) == (None if expected is None else str(expected))


def test_the_default_rules_name_words_that_exist() -> None:
    known = OUTCOMES | {state for states in STATES.values() for state in states}
    for rule in DEFAULT:
        assert set(rule.state) <= known, rule.name


def test_every_red_state_pops_up_by_default() -> None:
    for kind, state in [(Kind.TEST, "failed"), (Kind.DEPLOY, "failure"), (Kind.INCIDENT, "firing")]:
        rule = first(DEFAULT, a_line(kind, state), ANA, NOON)
        assert rule is not None, outcome(kind, state)
        assert rule.then is Attention.POPUP
