"""One line as a history has it, for tests of what is decided about lines."""

from __future__ import annotations

from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind, Transition

NOW = 1_760_000_000_000


def a_line(
    kind: Kind = Kind.CHANGE,
    state: str = "pushed",
    transition: Transition = Transition.NONE,
    age: int = 0,
    **fields: object,
) -> Line:
    values: dict[str, object] = {
        "service": "shop",
        "subject": "x",
        "key": fact_key("t", kind, state),
        "time": NOW - age,
        "actor": "bo",
    }
    event = make_event(kind=kind, state=state, **(values | fields))  # type: ignore[arg-type]
    return Line(
        id=1,
        arrival=1,
        event=event,
        entry="",
        received=NOW - age,
        device="d",
        author="bo",
        transition=transition,
        superseded=False,
    )
