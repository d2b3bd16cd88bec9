"""A made-up world that keeps its own log, and what services would say of each change.

Nothing here looks at how devstream decides: the log is the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.sources.git import change_event
from devstream_desktop.stream.event import Event

REPOSITORY = {
    "name": "shop",
    "full_name": "acme/shop",
    "html_url": "https://github.com/acme/shop",
    "default_branch": "main",
}
SCOPE = "github.com/acme/shop"
HOOK = SourceInfo("hook", branches=("main",))
NOBODY = "0" * 40


@dataclass(frozen=True)
class Delivery:
    """One post: to which adapter, with what."""

    kind: str
    body: dict[str, Any]
    header: str

    @property
    def headers(self) -> dict[str, str]:
        return {"x_github_event": self.header} if self.kind == "github" else {}


@dataclass(frozen=True)
class Change:
    """One change of the world: of what, to what state, and how a webhook says it."""

    thing: str
    state: str
    delivery: Delivery
    red: bool = False


@dataclass
class World:
    """Everything that is watched, with the log of its changes."""

    now: int
    log: list[Change] = field(default_factory=list)
    branch: str = ""
    runs: int = 0
    attempts: dict[int, int] = field(default_factory=dict)
    statuses: int = 0
    fired: dict[str, int] = field(default_factory=dict)
    opened: bool = False
    paged: int = 0
    """Time at which the incident was triggered; it says it in each step."""
    _seen_branch: str | None = None

    def move(self, to: str) -> Change | None:
        """Set `main` to a commit, or delete it."""
        if to == self.branch:
            return None
        body = {
            "ref": "refs/heads/main",
            "before": self.branch or NOBODY,
            "after": to or NOBODY,
            "created": not self.branch,
            "deleted": not to,
            "commits": [{}],
            "head_commit": {"message": "Change"} if to else None,
            "repository": REPOSITORY | {"pushed_at": self.now // 1000},
            "sender": {"login": "dev1"},
        }
        self.branch = to
        return self._note("main", to, Delivery("github", body, "push"))

    def look(self) -> Event | None:
        """A poll of git's news since its last look; nothing at first contact."""
        before, self._seen_branch = self._seen_branch, self.branch
        if before is None or before == self.branch:
            return None
        moved = Moved("main", before, self.branch)
        return change_event(HOOK, SCOPE, moved, forced=False, count=1, head=None, now=self.now)

    def run(self, number: int, passed: bool) -> Change:
        """End a run of CI: a new one, or one more attempt of an old one."""
        number = min(number, self.runs + 1)
        self.runs = max(self.runs, number)
        self.attempts[number] = self.attempts.get(number, 0) + 1
        body = {
            "action": "completed",
            "workflow_run": {
                "id": 1000 + number,
                "workflow_id": 1,
                "run_number": number,
                "run_attempt": self.attempts[number],
                "name": "CI",
                "path": ".github/workflows/ci.yml",
                "head_branch": "main",
                "head_sha": f"{number:040x}",
                "conclusion": "success" if passed else "failure",
                "updated_at": _iso(self.now),
            },
            "repository": REPOSITORY,
        }
        state = "succeeded" if passed else "failed"
        return self._note("CI", state, Delivery("github", body, "workflow_run"), red=not passed)

    def deploy(self, state: str) -> Change:
        """Give the one deployment a new status."""
        self.statuses += 1
        body = {
            "action": "created",
            "deployment": {"id": 7, "environment": "production", "sha": "a" * 40},
            "deployment_status": {
                "id": self.statuses,
                "state": state,
                "created_at": _iso(self.now),
            },
            "repository": REPOSITORY,
            "sender": {"login": "dev1"},
        }
        delivery = Delivery("github", body, "deployment_status")
        return self._note("deployment", state, delivery)

    def alert(self, name: str) -> Change:
        """Let an alert fire, or end."""
        firing = name not in self.fired
        began = self.fired.setdefault(name, self.now)
        if not firing:
            del self.fired[name]
        one = {
            "status": "firing" if firing else "resolved",
            "labels": {"alertname": "Disk", "job": "shop", "pod": name},
            "startsAt": _iso(began),
            "endsAt": _iso(self.now) if not firing else "0001-01-01T00:00:00Z",
            "fingerprint": name,
        }
        delivery = Delivery("alertmanager", {"version": "4", "alerts": [one]}, "")
        return self._note(f"alert {name}", one["status"], delivery, red=firing)

    def incident(self) -> Change:
        """Trigger the one incident, resolve it, or reopen it."""
        before = [change for change in self.log if change.thing == "incident"]
        broken = len(before) % 2 == 0
        self.paged = self.paged or self.now
        body = {
            "event": {
                "event_type": f"incident.{'triggered' if not before else 'reopened'}"
                if broken
                else "incident.resolved",
                "occurred_at": _iso(self.now),
                "data": {
                    "id": "P1",
                    "number": 1,
                    "title": "Disk full",
                    "created_at": _iso(self.paged),
                    "html_url": "https://acme.pagerduty.com/incidents/P1",
                    "service": {"summary": "shop"},
                },
            }
        }
        state = "firing" if broken else "resolved"
        return self._note("incident", state, Delivery("pagerduty", body, ""), red=broken)

    def ticket(self) -> Change:
        """Open, close or reopen the one ticket."""
        first = not any(change.thing == "ticket" for change in self.log)
        self.opened = not self.opened
        action = "opened" if first else "reopened" if self.opened else "closed"
        issue = {
            "number": 9,
            "title": "It is slow",
            "created_at": _iso(self.now),
            "updated_at": _iso(self.now),
            "closed_at": _iso(self.now) if action == "closed" else None,
        }
        body = {
            "action": action,
            "issue": issue,
            "repository": REPOSITORY,
            "sender": {"login": "dev1"},
        }
        return self._note("ticket", action, Delivery("github", body, "issues"))

    def _note(self, thing: str, state: str, delivery: Delivery, *, red: bool = False) -> Change:
        change = Change(thing, state, delivery, red)
        self.log.append(change)
        return change


def thing_of(event: Event) -> str:
    """The name that the world has for what a line is about."""
    match event.kind.value:
        case "change":
            return "main"
        case "build":
            return "CI"
        case "deploy":
            return "deployment"
        case "ticket":
            return "ticket"
    if event.subject.endswith("/P1"):
        return "incident"
    return f"alert {event.subject.rsplit('/', 1)[-1]}"


def state_of(event: Event) -> str:
    """The state in the words of the world."""
    return event.revision if event.kind.value == "change" else event.state


def _iso(moment: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(moment // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
