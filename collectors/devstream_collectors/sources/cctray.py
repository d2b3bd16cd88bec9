"""CCTray: one XML feed of the last build of each project, that nearly every CI server has; here it is polled.

Source: https://cctray.org/v1/. A feed has no history: of two builds between two rounds only the second is seen. It says no branch, no
commit and nobody's name, so a service's own type is better where there is one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

import msgspec
from defusedxml.ElementTree import fromstring

from devstream_collectors.contract import Basic, Collector, Option, Poll, Polled, Request, Response, SourceInfo, Token
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import page_scope
from devstream_collectors.kit.polling import polled
from devstream_collectors.kit.run import Run, run_event
from devstream_desktop.stream.event import Event

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["COLLECTOR", "parse", "requests"]

_SETUP = """\
--url is the feed's address:
  Jenkins       https://HOST/cc.xml (with the plugin CCtray XML), or /view/NAME/cc.xml
  TeamCity      https://HOST/app/rest/cctray/projects.xml
  GoCD          https://HOST/go/cctray.xml
  Woodpecker    https://HOST/api/badges/REPOSITORY-ID/cc.xml
  Concourse     https://HOST/api/v1/teams/TEAM/cc.xml
--token-file holds a token, or USER:PASSWORD for a server that asks for HTTP Basic. A feed says no branches: name the projects that count
with --project, which may have wildcards and be given more than once."""

COLLECTOR = Collector(
    title="CCTray XML polled: Jenkins, TeamCity, GoCD, Woodpecker, Concourse and others",
    setup=_SETUP,
    options=(Option("project", "a project of the feed that counts, 'shop*'; all of them when left out", kind="list"),),
    poll=Poll(auth=(Token(), Basic())),
)
STATUSES = {"success": "succeeded", "failure": "failed", "exception": "errored", "error": "errored"}
MAX_PROJECTS = 2000
_APART = re.compile(r"\s+(?:::|»)\s+")


class _Project(msgspec.Struct, frozen=True):
    """One `Project` of the feed."""

    name: str
    status: str
    label: str
    time: str
    url: str

    @property
    def mark(self) -> str:
        return _short(f"{self.status}\x1f{self.label}\x1f{self.time}")[:8]


class _Cursor(msgspec.Struct, frozen=True):
    projects: dict[str, str] = {}
    """A digest of each project's name and one of its last build, with `?` in front while there was none; short, for there may be many."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """The feed."""
    del cursor, now
    return (Request(source.url, accept="application/xml, text/xml;q=0.9, */*;q=0.1"),)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """The builds that ended since the last round.

    Raises:
        ValueError: it is no such feed.

    """
    known = _cursor.decode(cursor) if cursor else _Cursor()
    try:
        root = fromstring(response.body)
    except ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    if _tag(root) != "Projects":
        raise ValueError(f"a feed of {_tag(root)[:40]!r}, not of Projects")
    projects = [project for project in map(_read, root) if project is not None and _wanted(project, source)]
    if len(projects) > MAX_PROJECTS:
        raise ValueError(f"there are {len(projects)} projects, more than {MAX_PROJECTS}; name those that count with --project")
    names = {project.name for project in projects}
    makers: list[Callable[[], Event]] = []
    # What is not in the feed just now may come back, with the build that was told already.
    after = dict(known.projects)
    for project in projects:
        key, before = _short(project.name), known.projects.get(_short(project.name), "")
        after[key] = ("" if project.status in STATUSES else "?") + project.mark
        if before != after[key]:
            part = project.name.rpartition(" :: ")[0] in names
            makers.append(partial(_event, project, source, response.received, quiet=before.startswith("?"), part=part))
    return polled(_Cursor(dict(list(after.items())[-MAX_PROJECTS:])), makers)


def _event(project: _Project, source: SourceInfo, received: int, *, quiet: bool, part: bool) -> Event:
    if part:
        # GoCD lists each job beside the stage that it is of.
        raise Dropped("part-of-another")
    state = STATUSES.get(project.status)
    if state is None:
        raise Dropped("status-unknown", project.status)
    ended = milliseconds(project.time)
    parts = _APART.split(project.name)
    run = Run(
        pipeline=parts[-1] if "::" in project.name else "/".join(parts[-2:]),
        pipeline_id=project.name,
        run=project.label or project.time or state,
        attempt=str(ended),
        state=state,
        url=project.url,
        changed=ended,
    )
    scope = page_scope(project.url) or page_scope(source.url)
    service = (parts[-2] if len(parts) > 1 else parts[0]).rsplit(" / ", 1)[-1].rsplit("/", 1)[-1]
    event = run_event(run, source, scope=f"cctray/{scope}", service=service, received=received)
    return msgspec.structs.replace(event, quiet=event.quiet or quiet)


def _read(element: Element) -> _Project | None:
    name = element.get("name", "").strip()
    if _tag(element) != "Project" or not name:
        return None
    return _Project(
        name=name[:200],
        status=element.get("lastBuildStatus", "").strip().lower(),
        label=element.get("lastBuildLabel", "").strip()[:60],
        time=element.get("lastBuildTime", "").strip()[:40],
        url=element.get("webUrl", "").strip(),
    )


def _tag(element: Element) -> str:
    """The element's name, without its namespace."""
    return element.tag.rsplit("}", 1)[-1]


def _wanted(project: _Project, source: SourceInfo) -> bool:
    patterns = source.many("project")
    return not patterns or any(fnmatchcase(project.name, pattern) for pattern in patterns)


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
