"""A preview says what the deciding function would have said, line by line."""

from __future__ import annotations

import msgspec
from one_line import NOW, a_line

from devstream_desktop.stream.attention import Desk
from devstream_desktop.stream.preview import Preview, preview
from devstream_desktop.stream.rules import DEFAULT, Attention, Rule
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind, Severity, Transition

OFF = Desk(person="ana", on_duty=False, snoozed=True, watching=True)
DAY = 86_400_000


def at(line: Line, seconds: int) -> Line:
    return msgspec.structs.replace(line, received=NOW - 3 * DAY + seconds * 1000)


def test_old_lines_are_judged_as_if_one_had_been_there() -> None:
    failed = a_line(Kind.BUILD, "failed", Transition.FAILED)
    lines = [at(a_line(), 0), at(failed, 60), at(a_line(Kind.TICKET, "opened"), 120)]
    found = preview(lines, OFF)
    assert found == Preview(3, 2, 0, (0, 0, 1, 0, 0, 1, 0, 0, 0, 0))


def test_a_burst_goes_into_a_digest() -> None:
    tickets = [at(a_line(Kind.TICKET, "opened", subject=f"t{n}"), n) for n in range(5)]
    found = preview(tickets, OFF)
    assert found is not None
    assert (found.popups, found.digest, sum(found.by_rule)) == (3, 2, 5)


def test_what_was_told_as_broken_is_told_as_over_whatever_the_rules_say() -> None:
    reds = Rule(name="Reds", then=Attention.POPUP, state=("failed",))
    failed = at(a_line(Kind.BUILD, "failed", Transition.FAILED), 0)
    fixed = at(a_line(Kind.BUILD, "succeeded", Transition.FIXED), 600)
    found = preview([failed, fixed, fixed], _with(reds))
    assert found == Preview(3, 2, 0, (1,), fixed=1)


def test_what_gets_worse_is_told_again() -> None:
    warned = a_line(Kind.INCIDENT, "firing", Transition.NEW, severity=Severity.WARNING)
    critical = a_line(Kind.INCIDENT, "firing", severity=Severity.CRITICAL)
    found = preview([at(warned, 0), at(critical, 1800), at(critical, 1900)], OFF)
    assert found == Preview(3, 2, 0, (1, 1, 0, 0, 0, 0, 0, 0, 0, 0))


def _with(*rules: Rule) -> Desk:
    return Desk(person="ana", on_duty=True, rules=rules)


def test_hours_are_those_of_the_line() -> None:
    line = at(a_line(), 0)
    never = Rule(name="Never", then=Attention.POPUP, hours="00:00-00:00")
    always = Rule(name="Always", then=Attention.POPUP, hours="00:00-23:59")
    assert preview([line], _with(never)) == Preview(1, 0, 0, (0,))
    assert preview([line], _with(never, always)) == Preview(1, 1, 0, (0, 1))


def test_a_preview_that_nobody_wants_any_more_ends() -> None:
    asked = iter([True, False])
    assert (
        preview(
            [a_line()] * 3,
            Desk(person="ana", on_duty=True, rules=DEFAULT),
            wanted=lambda: next(asked),
        )
        is None
    )
