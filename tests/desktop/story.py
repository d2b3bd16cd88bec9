"""A day of a small team, as events: what the tests and the pictures show."""

from __future__ import annotations

from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind, Severity, Transition

MINUTE = 60_000
SHAS = {
    name: (name.encode().hex() * 12)[:40]
    for name in ("retry", "cards", "index", "hotfix", "theme", "vat")
}


def event(
    kind: Kind, state: str, service: str, time: int, subject: str, *, number: str = "", **fields
) -> Event:
    key = fact_key(service, kind, subject, number, state, str(time))
    return make_event(
        kind=kind,
        state=state,
        service=service,
        subject=subject,
        number=number,
        key=key,
        time=time,
        **fields,
    )


def push(
    service: str,
    time: int,
    actor: str,
    title: str,
    sha: str,
    *,
    count: int = 1,
    ref: str = "main",
    url: bool = True,
) -> Event:
    link = f"https://git.example.org/acme/{service}/commit/{sha}" if url else ""
    return event(
        Kind.CHANGE,
        "pushed",
        service,
        time,
        f"change/{service}/{ref}",
        number=sha,
        ref=f"refs/heads/{ref}",
        revision=sha,
        actor=actor,
        title=title,
        count=count,
        url=link,
        source=f"git {service}",
    )


def build(
    service: str,
    time: int,
    state: str,
    sha: str,
    run: str,
    *,
    took: int = 192_000,
    total: int = 0,
    failed: int = 0,
) -> Event:
    kind = Kind.TEST if total else Kind.BUILD
    return event(
        kind,
        state,
        service,
        time,
        f"{kind}/{service}/main/ci",
        number=run,
        ref="refs/heads/main",
        revision=sha,
        title="CI",
        duration=took if state not in ("queued", "running") else 0,
        count=failed,
        total=total,
        url=f"https://ci.example.org/{service}/{run}",
        source=f"github {service}",
    )


def deploy(
    service: str,
    time: int,
    state: str,
    sha: str,
    request: str,
    *,
    where: str = "production",
    who: str = "ana",
    **fields,
) -> Event:
    return event(
        Kind.DEPLOY,
        state,
        service,
        time,
        f"deploy/{service}/{where}/{request[:8]}",
        number=request[:8],
        environment=where,
        revision=sha,
        actor=who,
        request=request,
        ref="main",
        **fields,
    )


def day(now: int) -> list[Event]:
    """Two days of events that end at `now` (UTC milliseconds), oldest first."""
    retry, cards, index, hotfix, theme, vat = SHAS.values()
    before = now - 26 * 60 * MINUTE

    def at(minutes: float) -> int:
        return now - int(minutes * MINUTE)

    return [
        event(Kind.TEAM, "joined", "team", before, "member/3k7q", actor="dara"),
        push(
            "search", before + 9 * MINUTE, "chen", "Index product names by trigram", index, count=3
        ),
        build("search", before + 13 * MINUTE, "succeeded", index, "411"),
        deploy(
            "search",
            before + 31 * MINUTE,
            "success",
            index,
            "aa11bb22",
            where="staging",
            who="chen",
            duration=48_000,
        ),
        event(Kind.DUTY, "on", "team", at(402), "duty/ana", actor="ana"),
        push("shop", at(371), "bo", "Show prices with VAT for guests", vat),
        build("shop", at(367), "failed", vat, "92", total=412, failed=3),
        push("shop", at(352), "bo", "Round VAT per line, not per basket", hotfix, count=2),
        build("shop", at(348), "succeeded", hotfix, "93", total=412),
        deploy("shop", at(341), "success", hotfix, "bb22cc33", who="ana", duration=95_000),
        event(
            Kind.TICKET,
            "opened",
            "shop",
            at(207),
            "ticket/shop/SHOP-812",
            number="SHOP-812",
            actor="support",
            severity=Severity.WARNING,
            title="Guests see net prices on the invoice",
            url="https://tickets.example.org/SHOP-812",
        ),
        push(
            "checkout", at(64), "dara", "Let buttons follow the theme", theme, ref="main", count=4
        ),
        build("checkout", at(61), "succeeded", theme, "207"),
        event(
            Kind.SOURCE,
            "silent",
            "search",
            at(49),
            "source/jenkins",
            source="jenkins",
            reason="nothing heard for 40 minutes",
        ),
        push("checkout", at(33), "chen", "Retry card capture once when the bank times out", cards),
        build("checkout", at(30), "failed", cards, "208", total=188, failed=2),
        deploy(
            "checkout",
            at(22),
            "refused",
            cards,
            "cc33dd44",
            who="bo",
            reason="bo may not deploy to production: ask ana",
        ),
        push("checkout", at(18), "chen", "Wait for the bank before a second capture", retry),
        build("checkout", at(14), "succeeded", retry, "209", total=188),
        deploy("checkout", at(9), "success", retry, "dd44ee55", who="ana", duration=102_000),
        event(
            Kind.INCIDENT,
            "firing",
            "checkout",
            at(5),
            "incident/checkout/errors",
            number="1",
            environment="production",
            title="5xx over 2 %",
            reason="4.1 % of 1,200 requests",
            severity=Severity.CRITICAL,
            url="https://alerts.example.org/1",
        ),
        event(
            Kind.CLAIM,
            "claimed",
            "checkout",
            at(4),
            "incident/checkout/errors/claim",
            actor="chen",
            reason="looking at the bank",
        ),
        push(
            "shop",
            at(1.2),
            "dara",
            "Keep the basket when a session ends",
            "5e55a1f00dcafe5e55a1f00dcafe5e55a1f00dca",
        ),
        build("shop", at(0.6), "running", "5e55a1f00dcafe5e55a1f00dcafe5e55a1f00dca", "94"),
    ]


def line_of(event: Event) -> Line:
    """The row of an event, as a reader would return it."""
    return Line(
        id=event.time,
        arrival=event.time,
        event=event,
        entry="e",
        received=event.time,
        device="d",
        author="x",
        transition=Transition.NONE,
        superseded=False,
    )
