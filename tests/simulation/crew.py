"""A team with roles in the simulation: who may say what, what they say, and an executor that runs
what it is asked to.

The rules are the product's: the author table, the identity of facts, the history's rows, and the
judge of deploy requests. As node/core.py and node/executor.py put them together, they are put
together here without their sockets and threads.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from desk import Desk
from ledger import hold_that
from nodes import RIGHT, Node
from strategy import ENVIRONMENT, SERVICE, observed

from devstream_desktop.deploy.answer import answers, make_answer
from devstream_desktop.deploy.judge import judge
from devstream_desktop.deploy.request import make_request
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.world import Accept, Asker, Refuse, World
from devstream_desktop.mesh.replica.ranges import total
from devstream_desktop.stream.entry import VERSION, Entry, device_id, hlc_time, public_key
from devstream_desktop.stream.event import (
    Event,
    InvalidEventError,
    encode_event,
    fact_key,
    make_event,
)
from devstream_desktop.stream.fact import event_of, fact_id
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team.policy.authors import outsider, refusal_of
from devstream_desktop.team.policy.policy import Grant, Policy

TARGETS = {
    (SERVICE, ENVIRONMENT): Target(
        name=SERVICE, environment=ENVIRONMENT, run=("true",), cwd=Path("/")
    )
}
FRESH_MS = 120_000
"""As node/executor.py."""
MOST_ASKED = 1 << 24
"""Numbers that a peer's word may be taken for: some more than the events of a full history."""
PULLED_MS = 10_000
"""The most that others' stamps may move its own ahead of its time."""
WITNESSES = 2
"""Clocks that vouch for one."""
MAX_REFUSALS = 5
"""That one device is told of."""


class Standing:
    """The policy of a team that nobody changes."""

    def __init__(self, honest: list[str], liars: list[str], *, lying_executor: bool) -> None:
        """`honest` and `liars` are devices. The first collects, the second is the executor, and the
        third collects as well.

        Liars have no role, but one of them may be an executor too, of things that nobody asks it
        for.
        """
        names = {device: f"p{n}" for n, device in enumerate(honest)} | {
            device: f"m{n}" for n, device in enumerate(liars)
        }
        deployers = [names[device] for device in (honest[0], honest[-1])]
        self.current = Policy(
            version=1,
            team="t",
            name="team",
            prev="",
            issued=0,
            expires=1 << 46,
            admins=(honest[0],),
            threshold=1,
            issuers={},
            collectors=(honest[0], *honest[2:3]),
            executors=(honest[1], *liars[:lying_executor]),
            persons=names,
            grants=tuple(Grant(Role.DEPLOYER, person, "*/*") for person in deployers),
        )

    def since(self, _: int) -> tuple[Policy, ...]:
        """As `team.chain.PolicyChain.since`."""
        return (self.current,)


@dataclass
class Run:
    """A deploy that was accepted, as deploy.sqlite keeps it.

    `said` are the states that were published.
    """

    event: Event
    person: str
    state: str = "in_progress"
    said: set[str] = field(default_factory=set)


class Member(Node):
    """An honest member: it has a desk, and says only what it may."""

    def __init__(self, number: int, key: bytes, rng, ledger, retention: int) -> None:
        super().__init__(number, key, rng, ledger, retention)
        self.device = device_id(key)
        self.standing: Standing
        self.runs: dict[str, Run] = {}
        self.judged: dict[str, str] = {}
        """By request, the device that signed what was judged."""
        self.refusals: Counter[str] = Counter()
        self.vouched = False
        """True when two clocks agreed with its own.

        Its own was right, and was not set since.
        """
        self._desk: Desk | None = None

    @property
    def person(self) -> str:
        return self.standing.current.name_of(self.device)

    def has(self, role: Role) -> bool:
        return self.standing.current.has_role(self.device, role)

    @property
    def desk(self) -> Desk:
        """The rows that it shows now."""
        if self._desk is None or not self._desk.goes_on(self.log.rows):
            self._desk = Desk(self.standing.current.persons)
        self._desk.show(self.log.rows)
        return self._desk

    def _refusal(self, entry: Entry) -> str | None:
        """As `node.membership.Membership.refusal`."""
        policy = self.standing.current
        if entry.version != VERSION:
            reason = outsider(policy, entry.device)
        else:
            try:
                event = entry.event
                reason = refusal_of(self.standing, entry.device, event, hlc_time(entry.hlc))
            except InvalidEventError as error:
                reason = str(error)
        if reason is not None:
            self.refused.add((entry.feed, entry.seq))
        return reason

    def _is_author(self, key: bytes) -> bool:
        return device_id(key) in self.standing.current.persons

    def start(self, now: int, *, clean: bool = False) -> None:
        self.vouched = False
        super().start(now, clean=clean)

    def meet(self, name: str, wall: int, skew: int, now: int) -> None:
        super().meet(name, wall, skew, now)
        agree = sum(abs(other) <= RIGHT for other in self.met.values())
        self.vouched = self.vouched or (abs(self.skew) <= RIGHT and agree >= WITNESSES)

    def look(self, now: int) -> None:
        super().look(now)
        hold_that(
            not self.vouched or not self.watch.correction(),
            "a clock that two had vouched for was moved",
        )

    def want(self, records, now: int):
        """As `Node.want`.

        What a peer only claims begins no feed of ours, and is believed for so much and no more.
        """
        own = self.replica.own.feed
        wanted = super().want(records, now)
        hold_that(self.replica.own.feed == own, "a claim of a peer's began a new feed")
        hold_that(total(wanted) <= MOST_ASKED, "asked for what no history holds:", total(wanted))
        return wanted

    def publish(self, payloads: list[bytes], now: int) -> None:
        """As `Node.publish`; what others stamp moves its own stamps by seconds at most."""
        own = [
            entry.hlc
            for feed, mine in self.log.held.items()
            if feed.startswith(self.log.key)
            for entry in mine.values()
        ]
        super().publish(payloads, now)
        said = max(entry.hlc for entry in self.log.held[self.replica.own.feed].values())
        known = self.replica.own.last_known if self.watch.late else 0
        most = max(self.team_time(now) + PULLED_MS, hlc_time(max(own, default=0)), known)
        hold_that(
            hlc_time(said) <= most + 1,
            "somebody's stamps pulled its own ahead",
            hlc_time(said) - self.team_time(now),
        )

    def say(self, events: list[Event], now: int) -> list[Event]:
        """As `node.core.Node.publish`: facts already known are not said again; returns what was."""
        for event in events:
            reason = refusal_of(self.standing, self.device, event, self.team_time(now))
            hold_that(reason is None, "an honest word was refused:", reason)
        new = [event for event in events if not self.desk.knows(fact_id(event, self.device))]
        for event in events:
            hold_that(
                event in new or self._told_honestly(event),
                "a fact was taken for told that only a liar told:",
                event,
            )
        if new:
            self.publish([encode_event(event) for event in new], now)
            self.hear_of(new, self.device, now)
        return new

    def _told_honestly(self, event: Event) -> bool:
        for _, arrival in self.log.rows:
            with contextlib.suppress(InvalidEventError):
                told = arrival.entry.event
                if (told.kind, told.key) == (event.kind, event.key) and self.ledger.is_honest(
                    arrival.entry.feed
                ):
                    return True
        return False

    def take(self, batch, sender: str, now: int):
        outcome = super().take(batch, sender, now)
        for entry in outcome.stored:
            with contextlib.suppress(InvalidEventError):
                self.hear_of([event_of(entry)], entry.device, now)
        return outcome

    # The executor.

    def hear_of(self, events: list[Event], device: str, now: int) -> None:
        """As `node.executor.Executor.note`: judge the requests to this device."""
        for event in events if self.has(Role.EXECUTOR) else ():
            if (
                event.kind is Kind.DEPLOY
                and event.state == "requested"
                and event.executor == self.device
            ):
                with contextlib.suppress(OSError):  # the disk is full: it asks again, or it expires
                    self._judge(event, device, now)

    def _judge(self, event: Event, device: str, now: int) -> None:
        policy, clock = self.standing.current, self.team_time(now)
        answered = any(self.desk.knows(fact) for fact in answers(event.key, self.device))
        hold_that(
            not answered or self._answered_itself(event.key),
            "a request was taken for answered by another's word",
            event,
        )
        asker = self.judged.setdefault(event.key, device)
        hold_that(
            asker == device or not self.ledger.is_honest(public_key(device)),
            "a request was judged as another's",
            event,
        )
        verdict = judge(
            event,
            Asker(device, policy.person_of(device) or ""),
            World(
                device=self.device,
                now=clock,
                targets=TARGETS,
                mistake="",
                judged=event.key in self.runs or answered,
                fresh=clock - event.time <= FRESH_MS,
                may=policy.may,
                who_may=lambda role, *_: policy.who_has(role),
            ),
        )
        if isinstance(verdict, Accept):
            author = policy.person_of(device)
            allowed = policy.may(
                author or "", Role.DEPLOYER, SERVICE, ENVIRONMENT
            ) and self.ledger.is_honest(public_key(device))
            hold_that(allowed, "a deploy ran that nobody asked for who may:", event)
            self.runs[event.key] = Run(event, verdict.request.person)
            self.answer(now)
        elif isinstance(verdict, Refuse) and self._hears(device):
            self.say([self._answer(event, "refused", clock, verdict.reason)], now)

    def _hears(self, device: str) -> bool:
        """Count a refusal, and tell whether this device hears of it (node/executor.py)."""
        self.refusals[device] += 1
        return self.refusals[device] <= MAX_REFUSALS

    def _answered_itself(self, request: str) -> bool:
        mine = (
            arrival.entry
            for _, arrival in self.log.rows
            if arrival.entry.feed.startswith(self.log.key)
        )
        return any(entry.event.request == request for entry in mine)

    def answer(self, now: int) -> None:
        """As `deploy.outbox.Outbox.answer`: say what was not said yet."""
        for run in self.runs.values():
            if run.state not in run.said:
                self.say([self._answer(run.event, run.state, self.team_time(now), "")], now)
                run.said.add(run.state)

    def finish(self, now: int) -> None:
        """End the runs under way."""
        for run in self.runs.values():
            if run.state == "in_progress":
                run.state = self.rng.choice(("success", "failure"))
        self.answer(now)

    def _answer(self, event: Event, state: str, time: int, reason: str) -> Event:
        return make_answer(
            request=event.key,
            target=event.service,
            environment=event.environment,
            state=state,
            executor=self.device,
            person=event.actor,
            ref=event.ref,
            sha=event.revision,
            title=event.title,
            time=time,
            reason=reason,
        )


class Speech:
    """The words of honest members: of one world that every collector sees, and of themselves."""

    def __init__(self, rng, executor: str) -> None:
        self.rng, self.executor = rng, executor
        self.seen: list[Event] = []
        """The events of the world, as the first collector told them."""
        self.count = 0

    def next_of(self, member: Member, time: int) -> list[Event]:
        """The next words of `member`, at `time` by its clock."""
        self.count += 1
        if member.has(Role.COLLECTOR) and self.rng.random() < 0.6:
            return [self._observed(time)]
        if (
            member.standing.current.may(member.person, Role.DEPLOYER, SERVICE, ENVIRONMENT)
            and self.rng.random() < 0.4
        ):
            return [self.request(member, time)]
        return [self._own_word(member, time)]

    def request(self, member: Member, time: int) -> Event:
        return make_request(
            device=member.device,
            person=member.person,
            target=SERVICE,
            environment=ENVIRONMENT,
            ref="main",
            sha=f"{self.count:040x}",
            executor=self.executor,
            now=time,
        )

    def _observed(self, time: int) -> Event:
        if (
            self.seen and self.rng.random() < 0.4
        ):  # the other collector saw it as well, and words it in another way
            event = self.rng.choice(self.seen[-5:])
            return make_event(
                kind=event.kind,
                state=event.state,
                service=event.service,
                subject=event.subject,
                key=event.key,
                time=event.time,
                number=event.number,
                environment=event.environment,
                title=f"{event.title}, told again {self.count}",
            )
        event = observed(
            self.rng, self.rng.randrange(1 + len(self.seen) // 3, 3 + len(self.seen)), time
        )
        self.seen.append(event)
        return event

    def _own_word(self, member: Member, time: int) -> Event:
        about = (
            self.rng.choice(self.seen).subject
            if self.seen and self.rng.random() < 0.7
            else "build/shop/main"
        )
        key = fact_key("own", Kind.CLAIM, member.device, str(self.count))
        if self.rng.random() < 0.3:
            kind, state, subject = (
                Kind.DUTY,
                self.rng.choice(("on", "off")),
                f"duty/{member.person}",
            )
        else:
            kind, state, subject = Kind.CLAIM, self.rng.choice(("claimed", "released")), about
        return make_event(
            kind=kind,
            state=state,
            service=SERVICE,
            subject=subject,
            key=key,
            time=time,
            actor=member.person,
            title=f"word {self.count}",
        )
