"""GitLab's pipelines, asked: of the branches that count, and those that go on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.branches import exact, globs
from devstream_collectors.kit.executor import NOBODYS, mark_of
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Older, Step, remembered, under_way, without
from devstream_collectors.kit.run import UNDER_WAY
from devstream_collectors.sources.gitlab.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.gitlab.lists import ask_list, ask_older_by_state, sizes_of
from devstream_collectors.sources.gitlab.place import Project
from devstream_collectors.sources.gitlab.run import STATES, Listed, Pipeline, Variable, run
from devstream_desktop.stream.event import Event

_MARKS = 50
"""Pipelines whose marks are remembered."""
_FIRST, _NEW, _QUIET = "first", "new", "quiet"
"""Marks of a step: a list at first contact, a new list later, a pipeline of either."""
_AT_FIRST = 5
"""Pipelines of a list that are told at first contact."""


def asked(known: Cursor, source: SourceInfo) -> Iterable[Request]:
    """Ask for the newest pipelines of each branch, and for open ones."""
    branches = _branches(known.home, source)
    read = branches if known.lists is None else known.lists
    for branch in branches:
        state = _FIRST if known.home == Project() else "" if branch in read else _NEW
        yield ask_list(source, Step("pipelines", branch, state=state))
    for number in under_way(known.pipelines):
        yield _one_pipeline(source, number)


def _branches(home: Project, source: SourceInfo) -> tuple[str, ...]:
    """Return the branches whose pipelines are asked for; `""` for all in one list."""
    default = home.default_branch
    branches = source.branches or ((default,) if default else ())
    # What goes on elsewhere cannot push the pipelines of a branch that counts off its page.
    return tuple(exact(branches)) if branches and not globs(branches) else ("",)


@poller.answer("pipelines")
def _pipelines(answer: Answer[Cursor]) -> Polled:
    known, source, branch = answer.known.pipelines, answer.source, answer.step.of
    bodies = answer.decode(list[Listed])
    now = {body.id: _state(body) for body in bodies}
    what = f"pipelines of {branch}" if branch else "pipelines"
    times = {body.id: body.updated_at for body in bodies}
    # The list does not say who began it, nor when it ended.
    fresh = [key for key, state in now.items() if known.get(key) != state and ":" not in state]
    if answer.step.state:
        # Its past is no news, and must not be told as such.
        loud = _since_all(answer, fresh)
        quiet = [key for key in fresh if key not in loud]
        few = _AT_FIRST if answer.step.state == _FIRST else int(not loud)
        follow = [_one_pipeline(source, key) for key in loud]
        follow += [_one_pipeline(source, key, _QUIET) for key in quiet[:few]]
    else:
        follow = [_one_pipeline(source, key) for key in fresh]
    older: Older = ((), None)
    if not answer.step.state:
        older = ask_older_by_state(answer, what, times, now, known)
    more, gap = older
    return answer.polled(
        requests=(*reversed(follow), *more),
        gap=gap,
        lists=_lists_with(answer, branch),
        pipelines=remembered(known, now),
        sizes=sizes_of(answer),
    )


def _since_all(answer: Answer[Cursor], fresh: list[str]) -> list[str]:
    """Return pipelines of a new list that the list of all lacked."""
    known = answer.known
    if "" not in (known.lists or ()):
        return []
    numbers = [int(key) for key in known.pipelines if _is_number(key)]
    last = max(numbers, default=0)
    return [key for key in fresh if key in known.pipelines or (_is_number(key) and int(key) > last)]


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 16


def _lists_with(answer: Answer[Cursor], branch: str) -> tuple[str, ...]:
    """Return the lists read, with that of `branch`; one that is not asked for is forgotten."""
    wanted = _branches(answer.known.home, answer.source)
    read = wanted if answer.known.lists is None else answer.known.lists
    return tuple({one: None for one in (*read, branch) if one == branch or one in wanted})


@poller.answer("pipeline")
def _pipeline(answer: Answer[Cursor]) -> Polled:
    known, number = answer.known.pipelines, answer.step.of
    if not answer.ok:
        return answer.polled(pipelines=without(known, number))
    body = answer.decode(Pipeline)
    state = _state(body)
    if ":" in state:
        return answer.polled(pipelines={**known, number: state})
    mark = answer.known.marks.get(number)
    # Only its variables say whether an executor started it; they are looked at once.
    if mark is None and body.source == "api":
        return answer.polled(requests=[_variables(answer.source, answer.step)])
    page = answer.known.home.web_url or ""
    maker = partial(run, body, place_of(answer), page=page, mark=mark or NOBODYS)
    if answer.step.state == _QUIET:
        maker = partial(_quietly, maker)
    return answer.polled([maker], pipelines={**known, number: state})


def _quietly(maker: Maker) -> Event:
    return msgspec.structs.replace(maker(), quiet=True)


@poller.answer("variables")
def _variables_of(answer: Answer[Cursor]) -> Polled:
    number = answer.step.of
    found = answer.decode(list[Variable]) if answer.ok else []
    kept = {**answer.known.marks, number: mark_of((one.key, one.value) for one in found)}
    return answer.polled(
        requests=[_one_pipeline(answer.source, number, answer.step.state)],
        marks=dict(list(kept.items())[-_MARKS:]),
    )


def _state(body: Listed) -> str:
    """Return our state of a pipeline; `:` in front of what is no news.

    What is over has the time when it changed behind it, for a pipeline may end twice.
    """
    state = STATES.get(body.status or "")
    if state is None:
        return f":{body.status or ''}"
    return state if state in UNDER_WAY else f"{state} {body.updated_at}"


def _one_pipeline(source: SourceInfo, number: str, state: str = "") -> Request:
    step = Step("pipeline", number, state=state)
    return ask_of(source, f"/pipelines/{number}", step, missing_ok=True)


def _variables(source: SourceInfo, of: Step) -> Request:
    step = Step("variables", of.of, state=of.state)
    # Not every token may see them.
    return ask_of(source, f"/pipelines/{of.of}/variables", step, optional=True)
