"""The lists of build servers, alerts, trackers and what deploys, with their pages."""

from __future__ import annotations

from typing import ClassVar

from paging import Asked, Document, Paged, Said, cut, of_revision, of_title

from devstream_collectors.contract import PollCollector
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.sources import (
    argocd,
    asana,
    buildkite,
    circleci,
    heroku,
    jenkins,
    jira,
    linear,
    pagerduty,
    redmine,
    sentry,
    teamcity,
)
from devstream_desktop.stream.event import Event


class Errors(Paged):
    """Sentry: new errors, by a cursor in the `Link` header."""

    collector: ClassVar[PollCollector] = sentry
    options: ClassVar = {"project": "acme/shop"}

    def answer(self, asked: Asked) -> Said:
        number = asked.path.rstrip("/").rpartition("/")[2]
        if number.isdigit():
            return 200, {}, self._issue(int(number) - 5000)
        if "is:resolved" in asked.query["query"]:
            return 200, {}, []
        begin, size = int(asked.query.get("cursor", "0:0:0").split(":")[1]), 100
        numbers = list(self.newest())
        more = "true" if begin + size < len(numbers) else "false"
        link = f'<x>; rel="next"; results="{more}"; cursor="0:{begin + size}:0"'
        back = '<x>; rel="previous"; results="false"; cursor="0:0:1"'
        items = [self._issue(number) for number in numbers[begin : begin + size]]
        return 200, {"link": f"{back}, {link}"}, items

    def _issue(self, number: int) -> Document:
        return {
            "id": str(5000 + number),
            "title": f"Error {number}",
            "level": "error",
            "firstSeen": self.iso(number),
            "lastSeen": self.iso(number),
            "project": {"slug": "shop"},
        }

    def number(self, event: Event) -> int:
        return of_title(event)


class Incidents(Paged):
    """PagerDuty: incidents that began and ended between two rounds."""

    collector: ClassVar[PollCollector] = pagerduty

    def answer(self, asked: Asked) -> Said:
        found: list[int] = []
        if asked.query["statuses[]"] == "resolved":
            since = milliseconds(asked.query["since"])
            found = [number for number in self.newest() if self.at(number) >= since]
        begin, size = int(asked.query.get("offset", "0")), int(asked.query["limit"])
        here = [self._incident(number) for number in found[begin : begin + size]]
        more = begin + size < len(found)
        return 200, {}, {"incidents": here, "more": more}

    def _incident(self, number: int) -> Document:
        at = self.iso(number)
        return {
            "id": f"P{number}",
            "incident_number": number,
            "title": f"Incident {number}",
            "status": "resolved",
            "created_at": at,
            "last_status_change_at": at,
            "service": {"summary": "shop"},
        }

    def number(self, event: Event) -> int:
        return int(event.title.rpartition("#")[2].rstrip(")"))


class Ranged(Paged):
    """Heroku: by the headers `Range` and `Next-Range`."""

    collector: ClassVar[PollCollector] = heroku
    options: ClassVar = {"app": ("shop",)}
    listed: ClassVar[str]

    def answer(self, asked: Asked) -> Said:
        if not asked.path.endswith(self.listed):
            return 200, {}, []
        newest = len(self.times)
        wanted = asked.headers["range"]
        if "]" in wanted:
            newest = int(wanted.split("]", 1)[1].split("..", 1)[0]) - 1
        size = int(wanted.rpartition("=")[2])
        numbers = list(range(newest, max(0, newest - size), -1))
        after = numbers[-1] if numbers else 0
        following = {"next-range": f"version ]{after}..; order=desc, max={size}"}
        headers = following if after > 1 else {}
        return 206, headers, [self._item(number) for number in numbers]

    def _item(self, number: int) -> Document:
        return {
            "id": f"{number:08x}-0000-4000-8000-000000000001",
            "app": {"id": "a-1", "name": "shop"},
            "status": "succeeded",
            "version": number,
            "description": "Deploy",
            "slug": {"commit": f"{number:040x}"},
            "source_blob": {"version": f"{number:040x}"},
            "created_at": self.iso(number),
            "updated_at": self.iso(number),
        }

    def number(self, event: Event) -> int:
        return of_revision(event)


class Releases(Ranged):
    """Releases, whose numbers have no hole."""

    listed = "/releases"
    counts = True

    def _item(self, number: int) -> Document:
        # A release has no source.
        return {**super()._item(number), "source_blob": None}


class Builds(Ranged):
    """Builds of an app."""

    listed = "/builds"

    def _item(self, number: int) -> Document:
        return {**super()._item(number), "version": None}


class Circle(Paged):
    """CircleCI: pipelines by a token, each with a workflow."""

    collector: ClassVar[PollCollector] = circleci
    options: ClassVar = {"project": "gh/acme/shop"}
    counts = True

    def answer(self, asked: Asked) -> Said:
        if asked.path.endswith("/workflow"):
            number = int(asked.path.split("/")[4].removeprefix("p"))
            workflow = {
                "id": f"w{number}",
                "name": "build",
                "status": "success",
                "created_at": self.iso(number),
                "stopped_at": self.iso(number),
            }
            return 200, {}, {"items": [workflow], "next_page_token": None}
        if not asked.path.endswith("/pipeline"):
            info = {"provider": "GitHub", "default_branch": "main"}
            return 200, {}, {"slug": "gh/acme/shop", "name": "shop", "vcs_info": info}
        begin, numbers = int(asked.query.get("page-token", "0")), list(self.newest())
        here = [
            {
                "id": f"p{number}",
                "number": number,
                "vcs": {"branch": "main", "revision": f"{number:040x}"},
            }
            for number in numbers[begin : begin + 20]
        ]
        token = str(begin + 20) if begin + 20 < len(numbers) else None
        return 200, {}, {"items": here, "next_page_token": token}

    def number(self, event: Event) -> int:
        return of_revision(event)


class Argo(Paged):
    """Argo CD: an application with the last ten deploys."""

    collector: ClassVar[PollCollector] = argocd
    counts = True

    def answer(self, asked: Asked) -> Said:
        numbers = range(max(1, len(self.times) - 9), len(self.times) + 1)
        history = [
            {
                "id": number - 1,
                "revision": f"{number:040x}",
                "deployStartedAt": self.iso(number),
                "deployedAt": self.iso(number),
            }
            for number in numbers
        ]
        status: Document = {"history": history, "health": {"status": "Healthy"}}
        if numbers:
            last = numbers[-1]
            status["operationState"] = {
                "phase": "Succeeded",
                "startedAt": self.iso(last),
                "finishedAt": self.iso(last),
                "syncResult": {"revision": f"{last:040x}"},
            }
        app = {"metadata": {"name": "shop", "uid": "u-1"}, "status": status}
        return 200, {}, {"items": [app]}

    def number(self, event: Event) -> int:
        return of_revision(event)


class Jobs(Paged):
    """Jenkins: a job that lists its newest hundred builds, by a range in `tree`."""

    collector: ClassVar[PollCollector] = jenkins
    counts = True

    def answer(self, asked: Asked) -> Said:
        if asked.path == "/api/json":
            count = len(self.times)
            last = {"number": count, "timestamp": self.at(count)} if count else None
            return 200, {}, {"jobs": [{"fullName": "shop", "lastBuild": last}]}
        begin, end = asked.query["tree"].rpartition("{")[2].rstrip("}").split(",")
        listed = list(self.newest())[:100]
        here = [self._build(number) for number in listed[int(begin) : int(end)]]
        return 200, {}, {"builds": here}

    def _build(self, number: int) -> Document:
        revision = {"SHA1": f"{number:040x}", "branch": [{"name": "origin/main"}]}
        return {
            "number": number,
            "url": f"https://ci.example.org/job/shop/{number}/",
            "building": False,
            "result": "SUCCESS",
            "timestamp": self.at(number),
            "actions": [{"lastBuiltRevision": revision}],
        }

    def number(self, event: Event) -> int:
        return of_revision(event)


class City(Paged):
    """TeamCity: builds by a range in the locator."""

    collector: ClassVar[PollCollector] = teamcity

    def answer(self, asked: Asked) -> Said:
        parts = dict(one.split(":", 1) for one in asked.query["locator"].split(",") if ":" in one)
        begin, size = int(parts["start"]), int(parts["count"])
        here = [self._build(number) for number in list(self.newest())[begin : begin + size]]
        return 200, {}, {"build": here}

    def _build(self, number: int) -> Document:
        at = self.iso(number)
        return {
            "id": number,
            "buildTypeId": "Shop_Build",
            "number": str(number),
            "status": "SUCCESS",
            "state": "finished",
            "branchName": "main",
            "queuedDate": at,
            "startDate": at,
            "finishDate": at,
            "buildType": {"id": "Shop_Build", "name": "Build", "projectName": "Shop"},
            "revisions": {"revision": [{"version": f"{number:040x}"}]},
        }

    def number(self, event: Event) -> int:
        return of_revision(event)


class Kite(Paged):
    """Buildkite: builds by a page's number."""

    collector: ClassVar[PollCollector] = buildkite
    options: ClassVar = {"organization": "acme"}

    def answer(self, asked: Asked) -> Said:
        page, size = int(asked.query["page"]), int(asked.query["per_page"])
        return 200, {}, [self._build(number) for number in cut(list(self.newest()), page, size)]

    def _build(self, number: int) -> Document:
        at = self.iso(number)
        return {
            "number": number,
            "state": "passed",
            "branch": "main",
            "commit": f"{number:040x}",
            "created_at": at,
            "started_at": at,
            "finished_at": at,
            "pipeline": {"name": "shop", "slug": "shop"},
        }

    def number(self, event: Event) -> int:
        return of_revision(event)


class Tracker(Paged):
    """A tracker, in which issues are opened."""

    def number(self, event: Event) -> int:
        return of_title(event)


class Jira(Tracker):
    """Jira Data Center: the issues changed since, the oldest first."""

    collector: ClassVar[PollCollector] = jira

    def answer(self, asked: Asked) -> Said:
        begin, size = int(asked.query.get("startAt", "0")), int(asked.query["maxResults"])
        numbers = range(1, len(self.times) + 1)
        here = [self._issue(number) for number in numbers[begin : begin + size]]
        return 200, {}, {"issues": here, "total": len(numbers), "startAt": begin}

    def _issue(self, number: int) -> Document:
        fields = {
            "summary": f"No {number}",
            "created": self.iso(number),
            "updated": self.iso(number),
            "project": {"key": "SHOP", "name": "Shop"},
        }
        return {"id": str(number), "key": f"SHOP-{number}", "fields": fields}


class Linear(Tracker):
    """Linear: by GraphQL, the last changed first."""

    collector: ClassVar[PollCollector] = linear

    def answer(self, asked: Asked) -> Said:
        variables = asked.body["variables"]
        since = milliseconds(variables["filter"]["updatedAt"]["gt"])
        found = [number for number in self.newest() if self.at(number) > since]
        begin = int(variables["after"] or 0)
        more = begin + 40 < len(found)
        page = {"hasNextPage": more, "endCursor": str(begin + 40)}
        nodes = [self._issue(number) for number in found[begin : begin + 40]]
        return 200, {}, {"data": {"issues": {"nodes": nodes, "pageInfo": page}}}

    def _issue(self, number: int) -> Document:
        at = self.iso(number)
        return {
            "id": f"i{number}",
            "identifier": f"SHOP-{number}",
            "number": number,
            "title": f"No {number}",
            "createdAt": at,
            "updatedAt": at,
            "history": {"nodes": []},
        }


class Redmine(Tracker):
    """Redmine: the issues changed since, the oldest first."""

    collector: ClassVar[PollCollector] = redmine

    def answer(self, asked: Asked) -> Said:
        if asked.path == "/issue_statuses.json":
            return 200, {}, {"issue_statuses": [{"id": 5, "name": "Closed", "is_closed": True}]}
        since = milliseconds(asked.query["updated_on"].removeprefix(">="))
        numbers = range(1, len(self.times) + 1)
        found = [number for number in numbers if self.at(number) >= since]
        begin, size = int(asked.query["offset"]), int(asked.query["limit"])
        here = [self._issue(number) for number in found[begin : begin + size]]
        return 200, {}, {"issues": here, "offset": begin, "total_count": len(found)}

    def _issue(self, number: int) -> Document:
        at = self.iso(number)[:19] + "Z"
        return {
            "id": number,
            "subject": f"No {number}",
            "project": {"id": 1, "name": "Shop"},
            "created_on": at,
            "updated_on": at,
        }


class Asana(Tracker):
    """Asana: the tasks changed since, by an offset."""

    collector: ClassVar[PollCollector] = asana
    options: ClassVar = {"project": "12"}

    def answer(self, asked: Asked) -> Said:
        since = milliseconds(asked.query["modified_since"])
        numbers = [one for one in range(1, len(self.times) + 1) if self.at(one) > since]
        begin = int(asked.query.get("offset", "0"))
        after = {"offset": str(begin + 100)} if begin + 100 < len(numbers) else None
        here = [self._task(number) for number in numbers[begin : begin + 100]]
        return 200, {}, {"data": here, "next_page": after}

    def _task(self, number: int) -> Document:
        at = self.iso(number)
        return {
            "gid": str(number),
            "name": f"No {number}",
            "created_at": at,
            "modified_at": at,
            "memberships": [{"project": {"gid": "12", "name": "Shop"}}],
        }


TOOLS = (
    Errors,
    Incidents,
    Releases,
    Builds,
    Circle,
    Argo,
    Jobs,
    City,
    Kite,
    Jira,
    Linear,
    Redmine,
    Asana,
)
