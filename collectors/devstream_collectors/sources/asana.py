"""Asana: a project's tasks, polled.

Its webhooks say ids alone, neither a title nor who did it, so that its API would have to be asked
for each. Source: https://developers.asana.com/reference/gettasks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

import msgspec

from devstream_collectors.contract import (
    Collector,
    Gap,
    Option,
    Poll,
    Polled,
    Request,
    SourceInfo,
)
from devstream_collectors.kit.decoding import Flag, Id, Many, Part, Text, Time, iso, person
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_collectors.kit.ticket import Ticket, second, ticket_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

COLLECTOR = Collector(
    title="Asana's tasks of a project, polled",
    setup="""\
In Asana, Settings, Apps, Developer apps, Personal access tokens: make one, and put it into the \
file that you give with --token-file. --project is the long number in the address of the project. \
A task that is made is opened, one that is completed is closed.""",
    kinds=(Kind.TICKET,),
    options=(
        Option("project", "the number in the project's address", needed="always"),
        Option("section", "the name of a section whose tasks count (default: all)", kind="list"),
    ),
    poll=Poll(url="https://app.asana.com/api/1.0", needs_token=True, interval=60),
)
SCOPE = "app.asana.com"
FIRST = 24 * 3_600_000
"""Milliseconds that are looked back at first contact."""
OVERLAP = 5 * 60_000
MAX_PAGES = 10
MAX_CLOSED = 800
"""The known closed tasks, so that a reopened one is noticed."""
_FIELDS = (
    "name,created_at,modified_at,completed,completed_at,permalink_url,created_by.name,"
    "completed_by.name,memberships.project.gid,memberships.project.name,memberships.section.name"
)
_NUMBER = re.compile(r"[0-9]{1,24}")


class Named(msgspec.Struct, frozen=True):
    """A person, a project or a section."""

    gid: Text = ""
    name: Text = ""


class Membership(msgspec.Struct, frozen=True):
    """A place of a task."""

    project: Part[Named] = Named()
    section: Part[Named] = Named()


class Task(msgspec.Struct, frozen=True):
    """A task."""

    gid: Id
    name: Text = ""
    completed: Flag = False
    created_at: Time = 0
    modified_at: Time = 0
    completed_at: Time = 0
    permalink_url: Text = ""
    created_by: Part[Named] = Named()
    completed_by: Part[Named] = Named()
    memberships: Many[Membership] = []


class _Next(msgspec.Struct, frozen=True):
    offset: Text = ""


class _Page(msgspec.Struct, frozen=True):
    data: Many[Task] = []
    next_page: Part[_Next] = _Next()


class _Cursor(msgspec.Struct, frozen=True):
    since: int = 0
    """Up to when, UTC milliseconds, all was told; 0: never asked."""
    closed: dict[str, int] = {}
    """The times at which tasks were closed, the newest last."""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


def check(source: SourceInfo) -> None:
    """Check the option `project`.

    Raises:
        ValueError: it is no number.

    """
    if not _NUMBER.fullmatch(source.text("project")):
        raise ValueError("project must be the long number in the address of the project")


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    since = known.since - OVERLAP if known.since else now - FIRST
    yield _ask(source, Step("tasks", str(since), new=str(now)), "")


@poller.answer("tasks")
def _tasks(answer: Answer[_Cursor]) -> Polled:
    page, step = answer.decode(_Page), answer.step
    since, number = int(step.of), answer.source.text("project")
    sections = {name.lower() for name in answer.source.many("section")}
    closed = dict(answer.known.closed)
    makers: list[Maker] = []
    for task in sorted(page.data, key=lambda task: task.modified_at):
        place = next((one for one in task.memberships if one.project.gid == number), Membership())
        if sections and place.section.name.lower() not in sections:
            continue
        makers += _steps(task, since, closed, answer.place(SCOPE, place.project.name))
    newest = dict(list(closed.items())[-MAX_CLOSED:])
    if page.next_page.offset and step.count < MAX_PAGES:
        following = msgspec.structs.replace(step, count=step.count + 1)
        more = [_ask(answer.source, following, page.next_page.offset)]
        return answer.polled(makers, more, closed=newest)
    # More than that at once is an import.
    gap = Gap("changes of tasks", since=since) if page.next_page.offset else None
    return answer.polled(makers, (), gap, closed=newest, since=int(step.new))


def _steps(task: Task, since: int, closed: dict[str, int], place: Place) -> Iterable[Maker]:
    """Make the events of a task's steps after `since`."""
    if task.created_at > since:
        yield partial(_event, task, "opened", task.created_by, task.created_at, "", place)
    if task.completed:
        if task.completed_at > since and closed.get(task.gid) != task.completed_at:
            once = second(task.completed_at)
            yield partial(_event, task, "closed", task.completed_by, task.completed_at, once, place)
        closed.pop(task.gid, None)
        closed[task.gid] = task.completed_at
    elif task.gid in closed:
        # Asana does not say who opened it again; which closing it undoes names the step.
        once = second(closed.pop(task.gid))
        yield partial(_event, task, "reopened", Named(), task.modified_at, once, place)


def _event(task: Task, state: str, who: Named, at: int, once: str, place: Place) -> Event:
    return ticket_event(
        Ticket(
            number=task.gid,
            state=state,
            once=once,
            title=task.name,
            actor=person(who.name),
            url=task.permalink_url,
            time=at,
        ),
        place,
    )


def _ask(source: SourceInfo, step: Step, offset: str) -> Request:
    query: dict[str, object] = {
        "project": source.text("project"),
        "modified_since": iso(int(step.of)),
        "opt_fields": _FIELDS,
        "limit": 100,
    }
    return ask("/tasks", step, query=query | ({"offset": offset} if offset else {}))
