"""CCTray: one XML feed of the last build of each project, which nearly every CI server has.

Source: https://cctray.org/v1/. A feed has no history: of two builds between two rounds only the
second is seen. It says no branch, no commit and nobody's name, so a service's own type is better
where there is one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

import msgspec
from defusedxml.ElementTree import fromstring

from devstream_collectors.contract import (
    Basic,
    Collector,
    Option,
    Poll,
    Polled,
    Request,
    SourceInfo,
    Token,
)
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.outcome import Dropped, Maker
from devstream_collectors.kit.place import Place, page_scope
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_collectors.kit.run import Run, run_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

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
--token-file holds a token, or USER:PASSWORD for a server that asks for HTTP Basic. A feed says \
no branches: name the projects that count with --project, which may have wildcards and be given \
more than once."""

COLLECTOR = Collector(
    title="CCTray XML polled: Jenkins, TeamCity, GoCD, Woodpecker, Concourse and others",
    setup=_SETUP,
    kinds=(Kind.BUILD, Kind.TEST),
    options=(
        Option(
            "project",
            "a project of the feed that counts, 'shop*'; all of them when left out",
            kind="list",
        ),
    ),
    poll=Poll(auth=(Token(), Basic())),
)
STATUSES = {
    "success": "succeeded",
    "failure": "failed",
    "exception": "errored",
    "error": "errored",
}
MAX_PROJECTS = 2000
_ACCEPT = "application/xml, text/xml;q=0.9, */*;q=0.1"
_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d|UTC|GMT)$", re.IGNORECASE)
_APART = re.compile(r"\s(?:::|»)\s")


class _Project(msgspec.Struct, frozen=True):
    """One `Project` of the feed."""

    name: str
    status: str
    label: str
    time: str
    url: str

    @property
    def mark(self) -> str:
        """The digest of its last build; empty while the feed says no result."""
        digest = _short(f"{self.status}\x1f{self.label}\x1f{self.time}")[:8]
        return digest if self.status in STATUSES else ""


class _Cursor(msgspec.Struct, frozen=True):
    projects: dict[str, str] = {}
    """The marks of last builds, by digests of projects' names: there may be many."""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    yield replace(ask(source.url, Step("feed")), accept=_ACCEPT)


@poller.answer("feed")
def _feed(answer: Answer[_Cursor]) -> Polled:
    known, source, place = answer.known.projects, answer.source, answer.place()
    projects = [project for project in _read(answer.response.body) if _wanted(project, source)]
    if len(projects) > MAX_PROJECTS:
        raise ValueError(
            f"there are {len(projects)} projects, more than {MAX_PROJECTS}; "
            "name those that count with --project"
        )
    names = {project.name for project in projects}
    makers: list[Maker] = []
    # What is not in the feed just now may come back, with the build that was told already.
    after = dict(known)
    for project in projects:
        key = _short(project.name)
        # Some feeds say no result while a build runs; the last one is remembered meanwhile.
        before, after[key] = known.get(key), project.mark or known.get(key, "")
        if before != after[key]:
            part = project.name.rpartition(" :: ")[0] in names
            makers.append(partial(_event, project, place, part=part))
    return answer.polled(makers, projects=dict(list(after.items())[-MAX_PROJECTS:]))


def _event(project: _Project, place: Place, *, part: bool) -> Event:
    if part:
        # GoCD lists each job beside the stage that it is of.
        raise Dropped("part-of-another")
    state = STATUSES.get(project.status)
    if state is None:
        raise Dropped("status-unknown", project.status)
    ended = milliseconds(project.time)
    parts = [part.strip() for part in _APART.split(project.name)]
    run = Run(
        pipeline=parts[-1] if "::" in project.name else "/".join(parts[-2:]),
        pipeline_id=project.name,
        # Without either the state before tells one build from the next.
        run=project.label or project.time or "last",
        attempt=str(ended),
        state=state,
        url=project.url,
        # A time without a zone may be hours off: it was seen now.
        changed=ended if _ZONED.search(project.time) else 0,
    )
    scope = page_scope(project.url) or page_scope(place.source.url)
    owner = parts[-2] if len(parts) > 1 else parts[0]
    service = owner.rsplit(" / ", 1)[-1].rsplit("/", 1)[-1]
    return run_event(run, place.at(f"cctray/{scope}", service))


def _read(body: bytes) -> Iterable[_Project]:
    """Read the projects of a feed.

    Raises:
        ValueError: it is no such feed.

    """
    try:
        root = fromstring(body)
    except ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    if _tag(root) != "Projects":
        raise ValueError(f"a feed of {_tag(root)[:40]!r}, not of Projects")
    for element in root:
        name = element.get("name", "").strip()
        if _tag(element) == "Project" and name:
            yield _Project(
                name=name[:200],
                status=element.get("lastBuildStatus", "").strip().lower(),
                label=element.get("lastBuildLabel", "").strip()[:60],
                time=element.get("lastBuildTime", "").strip()[:40],
                url=element.get("webUrl", "").strip(),
            )


def _tag(element: Element) -> str:
    """Name an element, without its namespace."""
    return element.tag.rsplit("}", 1)[-1]


def _wanted(project: _Project, source: SourceInfo) -> bool:
    patterns = source.many("project")
    return not patterns or any(fnmatchcase(project.name, pattern) for pattern in patterns)


def _short(text: str) -> str:
    encoded = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=8).hexdigest()
