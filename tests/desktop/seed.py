"""A realistic history, the same for the same seed: six services, twenty days, some 2,000 events.

It ends with what a person on duty comes back to: production is red after a deploy, a test fails,
a deploy is under way.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from story import deploy, event, push

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind, Severity

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
SERVICES = ("shop", "checkout", "search", "billing", "mail-relay", "kundenverwaltung-schnittstelle")
BUSY = (5, 4, 2, 2, 1, 1)
PEOPLE = ("ana", "bo", "chen", "dara", "Jürgen Größl", "山田 太郎", "dependabot[bot]")
TITLES = (
    "Retry card capture once when the bank times out",
    "Round VAT per line, not per basket",
    "Überweisungen mit Umlauten richtig quittieren",
    "支払い画面のレイアウト崩れを修正",
    "Bump requests from 2.31.0 to 2.32.4",
    "Index product names by trigram",
    "Let buttons follow the theme",
    "Add <b>bold</b> & ampersand to the invoice",
    "Refactor the very long named AbstractCustomerSynchronisationStrategyFactory for everybody",
    "Show the delivery date in the basket",
)
ALERTS = (
    ("5xx over 2 %", "4.1 % of 1,200 requests", Severity.CRITICAL),
    ("p99 latency over 800 ms", "1,310 ms for 5 min", Severity.WARNING),
    ("disk 91 % full on db-2", "/var 91 %", Severity.WARNING),
)
TICKETS = (
    "Guests see net prices on the invoice",
    "Kunde sieht falsche Währung",
    "ログインできない",
)


class Seed:
    """Makes the events of one history."""

    def __init__(self, now: int, seed: int = 7) -> None:
        self._now = now
        self._random = random.Random(seed)
        self._number = 100
        self._live: dict[tuple[str, str], str] = {}

    def events(self, count: int = 2_000, days: int = 20) -> list[Event]:
        """Return about `count` events of the last `days`, oldest first."""
        made: list[Event] = []
        while len(made) < count:
            made += self._happening(self._now - self._random.randint(60 * MINUTE, days * DAY))
        made += self._last_hour()
        return sorted((one for one in made if one.time <= self._now), key=lambda one: one.time)

    def _happening(self, at: int) -> Iterator[Event]:
        service = self._random.choices(SERVICES, BUSY)[0]
        dice = self._random.random()
        if dice < 0.8:
            yield from self._change(service, at)
        elif dice < 0.92:
            yield from self._ticket(service, at)
        else:
            yield from self._silence(service, at)

    def _change(self, service: str, at: int) -> Iterator[Event]:
        chance = self._random.random
        revision = self._hash(40)
        who, title = self._random.choice(PEOPLE), self._random.choice(TITLES)
        yield push(service, at, who, title, revision, count=self._random.choice((1, 1, 2, 3)))
        yield self._run(Kind.BUILD, service, at + 4 * MINUTE, "succeeded", revision, "CI")
        bad = chance() < 0.14
        state = "failed" if bad else "succeeded"
        yield self._run(Kind.TEST, service, at + 7 * MINUTE, state, revision, "integration")
        if bad:
            state = "succeeded"
            again = at + 32 * MINUTE
            yield self._run(Kind.TEST, service, again, state, revision, "integration")
        elif chance() < 0.5:
            yield from self._ship(service, at + 9 * MINUTE, revision, "staging", who)
            if chance() < 0.6:
                yield from self._ship(service, at + 25 * MINUTE, revision, "production", who)

    def _ship(self, service: str, at: int, revision: str, where: str, who: str) -> Iterator[Event]:
        request = self._hash(32)
        fails = self._random.random() < 0.08
        before = self._live.get((service, where), "")
        said = {"where": where, "who": who if "bot" not in who else "ana", "previous": before}
        yield deploy(service, at, "requested", revision, request, **said)
        yield deploy(service, at + 10_000, "in_progress", revision, request, **said)
        end, took = at + 2 * MINUTE, 114_000
        if fails:
            why = "exit 3: health check of shop-2 timed out after 60 s"
            said |= {"reason": why, "duration": took}
            yield deploy(service, end, "failure", revision, request, **said)
            return
        self._live[service, where] = revision
        yield deploy(service, end, "success", revision, request, duration=took, **said)
        if where == "production" and self._random.random() < 0.25:
            yield from self._alert(service, end + 9 * MINUTE)

    def _alert(self, service: str, at: int) -> Iterator[Event]:
        name, why, severity = self._random.choice(ALERTS)
        said = {
            "number": str(at),
            "environment": "production",
            "title": name,
            "severity": severity,
            "url": "https://alerts.example.org/1",
            "source": "alertmanager",
        }
        subject = f"incident/{service}/{name}"
        yield event(Kind.INCIDENT, "firing", service, at, subject, reason=why, **said)
        over = at + self._random.randint(6, 90) * MINUTE
        yield event(Kind.INCIDENT, "resolved", service, over, subject, duration=over - at, **said)

    def _ticket(self, service: str, at: int) -> Iterator[Event]:
        number = f"{service[:4].upper()}-{self._random.randint(100, 999)}"
        said = {"number": number, "url": "https://tickets.example.org/1"}
        subject = f"ticket/{service}/{number}"
        title = self._random.choice(TICKETS)
        yield event(Kind.TICKET, "opened", service, at, subject, actor="QA", title=title, **said)
        if self._random.random() < 0.6:
            closed = at + 5 * 60 * MINUTE
            yield event(Kind.TICKET, "closed", service, closed, subject, actor="bo", **said)

    def _silence(self, service: str, at: int) -> Iterator[Event]:
        said = {"source": f"jenkins {service}"}
        subject = f"source/jenkins-{service}"
        why = "nothing heard for 40 minutes"
        yield event(Kind.SOURCE, "silent", service, at, subject, reason=why, **said)
        yield event(Kind.SOURCE, "active", service, at + 50 * MINUTE, subject, **said)

    def _last_hour(self) -> Iterator[Event]:
        def at(minutes: float) -> int:
            return self._now - int(minutes * MINUTE)

        shop, billing, checkout = (self._hash(40) for _ in range(3))
        title = "Überweisungen mit Umlauten richtig quittieren"
        yield push("shop", at(41), "Jürgen Größl", title, shop, count=3)
        yield self._run(Kind.BUILD, "shop", at(38), "succeeded", shop, "CI")
        yield self._run(Kind.TEST, "shop", at(36), "succeeded", shop, "integration")
        for where, minute in (("staging", 33), ("production", 29)):
            request, who = self._hash(32), "ana"
            said = {"where": where, "who": who, "previous": self._live.get(("shop", where), "")}
            yield deploy("shop", at(minute), "requested", shop, request, **said)
            yield deploy("shop", at(minute - 0.2), "in_progress", shop, request, **said)
            end = at(minute - 2)
            yield deploy("shop", end, "success", shop, request, duration=114_000, **said)
        alert = "incident/shop/5xx now"
        said = {"number": "77", "environment": "production"}
        yield event(
            Kind.INCIDENT,
            "firing",
            "shop",
            at(16),
            alert,
            title="5xx over 2 %",
            reason="4.1 % of 1,200 requests",
            severity=Severity.CRITICAL,
            url="https://alerts.example.org/1",
            source="alertmanager",
            **said,
        )
        yield push("billing", at(20), "山田 太郎", TITLES[3], billing)
        yield self._run(Kind.TEST, "billing", at(12), "failed", billing, "integration")
        why = "looking at the bank"
        yield event(Kind.CLAIM, "claimed", "shop", at(9), alert, actor="chen", reason=why, **said)
        number = "SHOP-554"
        yield event(
            Kind.TICKET,
            "opened",
            "shop",
            at(7),
            f"ticket/shop/{number}",
            number=number,
            actor="QA",
            title=TICKETS[0],
        )
        request = self._hash(32)
        said = {"where": "staging", "who": "bo"}
        yield deploy("checkout", at(3), "requested", checkout, request, **said)
        yield deploy("checkout", at(2.9), "in_progress", checkout, request, **said)

    def _run(
        self, kind: Kind, service: str, at: int, state: str, revision: str, name: str
    ) -> Event:
        self._number += 1
        failed = state == "failed"
        return event(
            kind,
            state,
            service,
            at,
            f"{kind}/{service}/main/{name}",
            number=str(self._number),
            ref="refs/heads/main",
            revision=revision,
            title=name,
            duration=180_000,
            total=412 if kind is Kind.TEST else 0,
            count=self._random.randint(1, 9) if failed else 0,
            url=f"https://ci.example.org/{service}/{self._number}",
            source=f"github {service}",
        )

    def _hash(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"
