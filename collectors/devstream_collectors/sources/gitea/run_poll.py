"""Runs of Actions, asked: of branches that count, and open ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.branches import exact, globs
from devstream_collectors.kit.decoding import Needed
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Step, remembered, under_way, without
from devstream_collectors.kit.run import UNDER_WAY
from devstream_collectors.sources.gitea.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.gitea.lists import ask_list, ask_older, sizes_of
from devstream_collectors.sources.gitea.run import STATES, ActionRun, run


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: Needed[list[ActionRun] | None] = None


def asked(known: Cursor, source: SourceInfo) -> Iterable[Request]:
    """Ask for the newest runs of each branch, and for open ones."""
    patterns = known.patterns(source)
    # What goes on elsewhere cannot push the runs of a branch that counts off its page.
    for branch in exact(patterns) if patterns and not globs(patterns) else ("",):
        yield ask_list(source, Step("runs", branch))
    for number in under_way(known.runs):
        yield ask_of(source, f"/actions/runs/{number}", Step("run", number), missing_ok=True)


@poller.answer("runs")
def _runs(answer: Answer[Cursor]) -> Polled:
    # Gogs and old servers have no Actions.
    bodies, known = answer.decode_or(_Runs()).workflow_runs or [], answer.known.runs
    what = f"runs of {answer.step.of}" if answer.step.of else "runs"
    unseen = bool(bodies) and bodies[-1].id not in known
    times = [body.started_at or body.started for body in bodies]
    fresh = sum(body.id not in known for body in bodies)
    more, gap = ask_older(answer, what, times, 0, fresh, unseen=unseen)
    polled = _ran(answer, bodies, remembered(known, {}), sizes=sizes_of(answer))
    return replace(polled, requests=more, gap=gap)


@poller.answer("run")
def _run(answer: Answer[Cursor]) -> Polled:
    if not answer.ok:
        return answer.polled(runs=without(answer.known.runs, answer.step.of))
    return _ran(answer, [answer.decode(ActionRun)], answer.known.runs)


def _ran(
    answer: Answer[Cursor], bodies: list[ActionRun], kept: Mapping[str, str], **more: object
) -> Polled:
    known, place = answer.known.runs, place_of(answer)
    now: dict[str, str] = {}
    makers: list[Maker] = []
    for body in reversed(bodies):
        said = (body.conclusion if body.status == "completed" else body.status) or ""
        state = STATES.get(said, "")
        # One that began again is under way under the same id.
        again = f"{state or said} {body.run_attempt or 1}"
        now[body.id] = state if state in UNDER_WAY else again
        if known.get(body.id) != now[body.id] and state:
            makers.append(partial(run, body, state, place))
    return answer.polled(makers, (), None, runs={**kept, **now}, **more)
