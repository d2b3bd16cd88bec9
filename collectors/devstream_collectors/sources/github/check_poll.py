"""GitHub's statuses, check runs and page builds, asked: of the commits that branches point at.

Sources: https://docs.github.com/en/rest/commits/statuses, https://docs.github.com/en/rest/checks/runs
and https://docs.github.com/en/rest/pages/pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Needed, Part, Time, whole
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import MAX_PAGES, Answer, Step, following_step, link_after
from devstream_collectors.sources.github.check import (
    Build,
    Check,
    Status,
    checked,
    page_built,
    status_of,
)
from devstream_collectors.sources.github.cursor import (
    AGAIN,
    Checked,
    Cursor,
    ask_of,
    place_of,
    poller,
)

MAX_COMMITS = 10
"""Commits asked for in a round: those of branches, and older ones with results to come."""
MAX_MARKS = 60
"""Results of a commit that are remembered."""
_PAGE = 100
_SEEN, _AWAITED = "status", "awaited"
"""Marks of a commit's statuses: the newest that was told, and that one is awaited."""
_TOO_MANY = "too many"
"""The mark for more checks than are read; it is told once."""


class _Committer(msgspec.Struct, frozen=True):
    date: Time = 0


class _Commit(msgspec.Struct, frozen=True):
    committer: Part[_Committer] = _Committer()


class _Checks(msgspec.Struct, frozen=True):
    check_runs: Needed[list[Check]] = []


class _Site(Build, frozen=True):
    url: str | None = ""


def asked(known: Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    """Ask for the results of commits that count, and the site's builds."""
    for commit, branch in _commits(known, source).items():
        step = Step("", commit, branch)
        # The place of a status among others is its commit's date, which it does not say.
        if known.checked.get(commit, Checked(branch)).date == 0:
            dated = msgspec.structs.replace(step, name="commit")
            yield ask_of(source, f"/git/commits/{commit}", dated, missing_ok=True)
        for name, path in (("statuses", "statuses"), ("checks", "check-runs")):
            listed = msgspec.structs.replace(step, name=name)
            query = {"per_page": _PAGE}
            yield ask_of(source, f"/commits/{commit}/{path}", listed, query, optional=True)
    if now - known.refused.get("pages", 0) > AGAIN:
        path, query = "/pages/builds", {"per_page": 10}
        yield ask_of(source, path, Step("pages"), query, optional=True)


def _commits(known: Cursor, source: SourceInfo) -> dict[str, str]:
    """Return the commits to ask for, with their branches."""
    heads = {head: branch for branch, head in known.counting(source).items()}
    older = {commit: one.branch for commit, one in known.checked.items() if one.goes_on}
    return dict(list({**heads, **older}.items())[:MAX_COMMITS])


@poller.answer("commit")
def _commit(answer: Answer[Cursor]) -> Polled:
    date = answer.decode_or(_Commit()).committer.date // 1000 or -1
    one = _known(answer)
    return _kept(answer, [], msgspec.structs.replace(one, date=date))


@poller.answer("statuses")
def _statuses(answer: Answer[Cursor]) -> Polled:
    commit, one, place = answer.step.of, _known(answer), place_of(answer)
    found = sorted(
        answer.decode(list[Status]) if answer.ok else [], key=lambda status: whole(status.id)
    )
    newest = {status.context or "": status for status in found}
    pending = any(status.state == "pending" for status in newest.values())
    seen = whole(one.marks.get(_SEEN, ""))
    fresh = [status for status in found if whole(status.id) > seen and status.state != "pending"]
    date = max(0, one.date)
    makers = [
        partial(status_of, status, commit, [one.branch], place, order=date) for status in fresh
    ]
    latest = max([seen, *(whole(status.id) for status in found)])
    marks = {_SEEN: str(latest), _AWAITED: "~" if pending else ""}
    return _kept(answer, makers, _marked(one, marks))


@poller.answer("checks")
def _checks(answer: Answer[Cursor]) -> Polled:
    one, place = _known(answer), place_of(answer)
    makers: list[Maker] = []
    marks: dict[str, str] = {}
    for check in reversed(answer.decode_or(_Checks()).check_runs):
        if check.is_ours:
            continue
        name = _short(f"check {check.app.slug} {check.name}")
        told = _short(f"{check.id} {check.completed_at} {check.conclusion}")
        marks[name] = told if check.conclusion else "~"
        if one.marks.get(name) != marks[name] and check.conclusion:
            makers.append(partial(checked, check, [one.branch], place, order=max(0, one.date)))
    # Those of workflows take places on the page as well.
    following = link_after(answer.response.headers.get("link", ""))
    number = max(1, answer.step.count)
    if following and number < MAX_PAGES:
        step = following_step(answer, number + 1)
        more = replace(ask_of(answer.source, "", step, optional=True), path=following)
        return replace(_kept(answer, makers, _marked(one, marks)), requests=(more,))
    gap = None
    if following:
        marks[_TOO_MANY] = "1"
        gap = None if _TOO_MANY in one.marks else Gap(f"checks of {answer.step.of[:8]}")
    return replace(_kept(answer, makers, _marked(one, marks)), gap=gap)


@poller.answer("pages")
def _pages(answer: Answer[Cursor]) -> Polled:
    known, place = answer.known, place_of(answer)
    if not answer.ok:
        return answer.polled(refused={**known.refused, "pages": answer.received})
    builds = {(build.url or "").rpartition("/")[2]: build for build in answer.decode(list[_Site])}
    now = {number: build.status or "" for number, build in builds.items() if number}
    before = known.pages
    makers = [
        partial(page_built, number, build, place)
        for number, build in reversed(builds.items())
        # What was built before the source was known is no news.
        if number and before is not None and before.get(number) != now[number]
    ]
    return answer.polled(makers, pages=now)


def _known(answer: Answer[Cursor]) -> Checked:
    return answer.known.checked.get(answer.step.of, Checked(answer.step.old))


def _marked(one: Checked, marks: dict[str, str]) -> Checked:
    kept = {name: mark for name, mark in one.marks.items() if name not in marks}
    return msgspec.structs.replace(one, marks=dict(list({**kept, **marks}.items())[-MAX_MARKS:]))


def _kept(answer: Answer[Cursor], makers: Sequence[Maker], one: Checked) -> Polled:
    """Remember the commit asked for last, and a bounded number of others."""
    others = {key: old for key, old in answer.known.checked.items() if key != answer.step.of}
    kept = {**others, answer.step.of: one}
    return answer.polled(makers, checked=dict(list(kept.items())[-2 * MAX_COMMITS :]))


def _short(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
