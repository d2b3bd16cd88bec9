"""The rules of deploys, written a second time, in the plainest way, to compare decisions with.

Nothing here is shared with the product but the words of the outcome: the state that a request is
in, and which rule refused it. One target with two environments, one executor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MINUTE = 60_000
HOUR = 60 * MINUTE


@dataclass
class Settings:
    """Rules of one environment in targets.toml."""

    checks: bool = False
    check_age: int = 24 * HOUR
    order: tuple[str, ...] = ()
    approvals: int = 0
    approver: str = "approver"
    hours: tuple[int, int] | None = None
    dry_run: bool = False
    rollback_locks: bool = True


@dataclass
class Asked:
    """One request, as it was sent."""

    key: str
    action: str
    person: str
    env: str
    sha: str = ""
    time: int = 0
    fresh: bool = True
    expected: str = ""
    about: str = ""
    override: bool = False
    reason: str = ""
    lasts: int = 0
    state: str = ""
    rule: str = ""
    until: int = 0
    policy: int = 0
    seen: str = ""
    ahead: set[str] = field(default_factory=set)


@dataclass
class Reference:
    """The state of the executor, and what it decides."""

    settings: dict[str, Settings]
    roles: set[tuple[str, str, str]]
    """(person, role, environment)."""
    now: int
    policy: int = 1
    requests: dict[str, Asked] = field(default_factory=dict)
    line: list[str] = field(default_factory=list)
    """Requests that wait or are queued, in their order."""
    running: dict[str, str] = field(default_factory=dict)
    locks: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """Holder, end and id, by environment; `` for the whole target."""
    approved: dict[str, dict[str, int]] = field(default_factory=dict)
    successes: list[tuple[str, str]] = field(default_factory=list)
    """(environment, commit), oldest first."""
    checks: dict[str, tuple[str, int]] = field(default_factory=dict)

    def may(self, person: str, role: str, env: str) -> bool:
        return (person, role, env) in self.roles

    def current(self, env: str) -> str:
        there = [sha for place, sha in self.successes if place == env]
        return there[-1] if there else ""

    # What comes in.

    def ask(self, asked: Asked) -> None:
        if asked.key in self.requests:
            return
        self.requests[asked.key] = asked
        late = asked.time < self.now - 2 * MINUTE or not asked.fresh
        ahead = asked.time > self.now + 2 * MINUTE
        if ahead or late:
            self.refuse(asked, "clock" if ahead else "expired")
        elif asked.action in ("", "rollback", "dry_run"):
            self.run(asked, new=True)
        else:
            getattr(self, asked.action)(asked)

    def run(self, asked: Asked, *, new: bool) -> None:
        rule = self.against(asked, new=new)
        if rule:
            self.refuse(asked, rule)
            return
        setting = self.settings[asked.env]
        needs = setting.approvals if asked.action != "dry_run" and not asked.override else 0
        if needs and len(self.yes(asked)) < needs:
            if asked.state == "queued":
                self.refuse(asked, "old approval")
                return
            able = {
                person
                for person, role, env in self.roles
                if role == setting.approver and env == asked.env and person != asked.person
            }
            if len(able) < needs:
                self.refuse(asked, "no approver")
            else:
                self.hold(asked, "waiting", new=new)
            return
        if asked.env in self.running or self.before(asked):
            self.hold(asked, "queued", new=new)
            return
        self.leave(asked)
        self.replace(asked)
        asked.state = "in_progress"
        self.running[asked.env] = asked.key

    def against(self, asked: Asked, *, new: bool) -> str:
        """The first rule that forbids a run."""
        setting, person, env = self.settings[asked.env], asked.person, asked.env
        full = asked.action == ""
        needs = setting.approvals and asked.action != "dry_run" and not asked.override
        if not new and self.now >= asked.until:
            return "too late"
        if not self.may(person, "deployer", env):
            return "may not"
        if asked.override and not self.may(person, "break-glass", env):
            return "no glass"
        if asked.override and not asked.reason:
            return "no reason"
        if asked.action == "dry_run" and not setting.dry_run:
            return "no dry run"
        if asked.action == "rollback" and (env, asked.sha) not in self.successes:
            return "no rollback"
        for place in ("", env):
            holder, until, _ = self.locks.get(place, (person, 0, ""))
            if holder != person and (not until or self.now < until):
                return "locked"
        if new and asked.expected and asked.expected != self.current(env):
            return "stale"
        if not new:
            if needs and asked.policy != self.policy:
                return "policy"
            known = {asked.seen} | (set() if needs else asked.ahead)
            if self.current(env) not in known:
                return "stale"
        if full and setting.checks:
            state, at = self.checks.get(asked.sha, ("", 0))
            if state != "succeeded" or self.now - at > setting.check_age:
                return "checks"
        if full and any((place, asked.sha) not in self.successes for place in setting.order):
            return "order"
        if full and setting.hours and not asked.override:
            minute = self.now // MINUTE % 1440
            if not setting.hours[0] <= minute < setting.hours[1]:
                return "closed"
        mine = [
            key
            for key in self.line
            if key not in (asked.key, asked.about)
            and self.requests[key].person == person
            and self.requests[key].env == env
        ]
        return "already" if mine else ""

    def yes(self, asked: Asked) -> set[str]:
        approver = self.settings[asked.env].approver
        return {
            person
            for person, at in self.approved.get(asked.key, {}).items()
            if person != asked.person
            and self.now - at <= 15 * MINUTE
            and self.may(person, approver, asked.env)
        }

    def before(self, asked: Asked) -> list[str]:
        place = self.line.index(asked.key) if asked.key in self.line else len(self.line)
        return [
            key
            for key in self.line[:place]
            if self.requests[key].env == asked.env
            and self.requests[key].state == "queued"
            and not (key == asked.about and self.requests[key].person == asked.person)
        ]

    def hold(self, asked: Asked, state: str, *, new: bool) -> None:
        if new:
            ahead = [*([self.running[asked.env]] if asked.env in self.running else [])]
            ahead += self.before(asked)
            asked.ahead = {self.requests[key].sha for key in ahead}
            asked.policy, asked.seen = self.policy, self.current(asked.env)
            self.replace(asked)
            self.line.append(asked.key)
        if new or asked.state != state:
            asked.until = self.now + HOUR
        asked.state = state

    def replace(self, asked: Asked) -> None:
        old = self.requests.get(asked.about)
        if old and old.key in self.line and (old.person, old.env) == (asked.person, asked.env):
            self.leave(old)
            old.state = "cancelled"

    def refuse(self, asked: Asked, rule: str) -> None:
        self.leave(asked)
        asked.state, asked.rule = "refused", rule

    def leave(self, asked: Asked) -> None:
        if asked.key in self.line:
            self.line.remove(asked.key)

    # Commands.

    def lock(self, asked: Asked) -> None:
        inside = [asked.env] if asked.env else list(self.settings)
        if not all(self.may(asked.person, "deployer", env) for env in inside):
            self.refuse(asked, "may not")
            return
        held = self.held(asked.env)
        if held and held[0] != asked.person:
            self.refuse(asked, "locked")
            return
        self.open(asked.env)
        until = self.now + asked.lasts if asked.lasts else 0
        self.locks[asked.env] = (asked.person, until, asked.key)
        asked.state = "locked"

    def unlock(self, asked: Asked) -> None:
        held = self.held(asked.env)
        inside = [asked.env] if asked.env else list(self.settings)
        if not held:
            self.refuse(asked, "not locked")
        elif held[0] != asked.person and not any(
            self.may(asked.person, "deployer", env) for env in inside
        ):
            self.refuse(asked, "may not")
        elif held[0] != asked.person and not asked.reason:
            self.refuse(asked, "no reason")
        else:
            self.open(asked.env)
            asked.state = "accepted"

    def held(self, env: str) -> tuple[str, int, str] | None:
        held = self.locks.get(env)
        return held if held and (not held[1] or self.now < held[1]) else None

    def open(self, env: str) -> None:
        if env in self.locks:
            old = self.requests.get(self.locks.pop(env)[2])
            if old:
                old.state = "unlocked"

    def approve(self, asked: Asked) -> None:
        about = self.requests.get(asked.about)
        if about is None or about.key not in self.line or about.state != "waiting":
            self.refuse(asked, "not waiting")
        elif about.env != asked.env:
            self.refuse(asked, "elsewhere")
        elif about.person == asked.person:
            self.refuse(asked, "own")
        elif not self.may(asked.person, self.settings[asked.env].approver, asked.env):
            self.refuse(asked, "may not")
        elif asked.person in self.yes(about):
            self.refuse(asked, "twice")
        else:
            self.approved.setdefault(about.key, {})[asked.person] = self.now
            asked.state = "approved"

    def withdraw(self, asked: Asked) -> None:
        about = self.requests.get(asked.about)
        waits = about is not None and about.key in self.line
        runs = about is not None and self.running.get(about.env) == about.key
        if about is None or not (waits or (runs and asked.action == "cancel")):
            self.refuse(asked, "not there")
        elif about.env != asked.env:
            self.refuse(asked, "elsewhere")
        elif about.person != asked.person and not self.may(asked.person, "deployer", asked.env):
            self.refuse(asked, "may not")
        else:
            asked.state = "accepted"
            if waits:
                self.leave(about)
                about.state = "cancelled"
            else:
                self.end(about.env, "cancelled")

    cancel = withdraw

    # What happens by itself.

    def end(self, env: str, state: str) -> None:
        """A run ends."""
        asked = self.requests[self.running.pop(env)]
        if state == "success" and asked.action == "dry_run":
            asked.state = "dry_run"
            return
        asked.state = state
        if state == "success":
            self.successes.append((env, asked.sha))
            if asked.action == "rollback" and self.settings[env].rollback_locks:
                self.locks.setdefault(env, (asked.person, 0, ""))

    def look(self) -> None:
        """The executor looks at what is due."""
        for env, (_, until, _) in list(self.locks.items()):
            if until and self.now >= until:
                self.open(env)
        due = []
        first: set[str] = set()
        for key in self.line:
            asked = self.requests[key]
            if asked.state == "queued":
                ready = asked.env not in first and asked.env not in self.running
                first.add(asked.env)
            else:
                wanted = self.settings[asked.env].approvals
                ready = len(self.yes(asked)) >= wanted
            if ready or self.now >= asked.until:
                due.append(key)
        for key in due:
            if key in self.line:
                self.run(self.requests[key], new=False)
