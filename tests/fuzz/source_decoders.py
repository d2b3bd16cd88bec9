"""The decoders of what services say.

Deliveries, answers to polls, headers, git's output, log lines, and what the intake kept of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from decoders import NOW, Decoder, shown
from starlette.requests import Request

from devstream_collectors.contract import (
    Delivery,
    PollCollector,
    Polled,
    Response,
    SourceInfo,
    TailCollector,
    WebhookCollector,
)
from devstream_collectors.sources.git import parse_heads, parse_log
from devstream_desktop.intake.poll.chain import understood
from devstream_desktop.intake.poll.http_client import (
    FetchError,
    Validators,
    rate_limit,
    retry_after,
)
from devstream_desktop.intake.registry import collector_module, collector_names
from devstream_desktop.intake.webhook.certificates import Certificates, UnsignedError
from devstream_desktop.intake.webhook.decoding import BodyError, form_payload, json_document
from devstream_desktop.intake.webhook.masking import masked
from devstream_desktop.intake.webhook.proof import proof_headers, proves
from devstream_desktop.outlet.feed_page import has_it, password
from devstream_desktop.outlet.feeds import Document
from devstream_desktop.stream.bounds import UnboundedError, check_json
from devstream_desktop.team.certificates import Authority, certificate_pem

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "collectors"
SECRET = b"a secret that nobody guesses"
OPTIONS = {
    "repository": "acme/shop",
    "organization": "acme",
    "app": ("shop",),
    "rules": (ROOT / "resources" / "rules" / "travis.toml").read_text(),
    "path": "/var/log/shop/app.log",
}
PROJECTS = {"azuredevops": "acme/shop", "circleci": "gh/acme/shop"}
CCTRAY = b"""<Projects><Project name="shop :: build" activity="Sleeping" lastBuildStatus="Success"
  lastBuildLabel="7"
 lastBuildTime="2026-09-21T12:00:00Z" webUrl="https://ci.example.com/shop"/></Projects>"""


def source(name: str) -> SourceInfo:
    """A source of that type with every option that it may need."""
    options = OPTIONS | ({"project": PROJECTS[name]} if name in PROJECTS else {})
    return SourceInfo(name, url="https://service.example.com", options=options)


def samples(name: str) -> list[bytes]:
    """That service's words, as the tests of its collector have them."""
    found = [path.read_bytes() for path in sorted((SAMPLES / name / "samples").glob("*.json"))]
    found += [
        json.dumps(answer).encode() for body in found[:12] for answer in _answers(json.loads(body))
    ]
    return found or (
        [CCTRAY]
        if name == "cctray"
        else [b'{"data": [], "items": [{"id": 1, "name": "shop"}]}', b"[]"]
    )


def _answers(body: object) -> Iterator[object]:
    """A webhook's document and its parts in the forms that APIs give lists in."""
    parts = (
        [body, *(part for part in body.values() if isinstance(part, dict))]
        if isinstance(body, dict)
        else [body]
    )
    for part in parts:
        yield [part]
        yield from (
            {name: [part]}
            for name in (
                "value",
                "values",
                "items",
                "data",
                "issues",
                "incidents",
                "workflow_runs",
                "build",
            )
        )
        yield {
            "data": {
                "issues": {"nodes": [part], "pageInfo": {"hasNextPage": False, "endCursor": "x"}}
            }
        }


def delivery(
    collector: WebhookCollector, about: SourceInfo, headers: list[str], data: bytes
) -> None:
    """A delivery whose body, or one of the headers that are read, is this."""
    first = data.partition(b"\n")[0].decode("latin-1")
    given = [
        dict.fromkeys(headers, first),
        *({name: value} for name in headers[:1] for value in _EVENTS),
    ]
    for header in given[: 1 + len(data) % len(given)]:
        result = collector.normalise(Delivery(header, data, NOW), about)
        assert bool(result.events) != bool(result.dropped)
        for event in result.events:
            shown(event)


_EVENTS = (
    "push",
    "Push Hook",
    "repo:push",
    "pull_request",
    "workflow_run",
    "build.finished",
    "pr:merged",
    "issues",
    "issue_alert",
)


def answers(collector: PollCollector, about: SourceInfo, body: bytes) -> None:
    """Every question of two rounds answered with this."""
    cursor = b""
    for _ in range(2):
        waiting = list(collector.requests(cursor, about, NOW))[:2]
        for _ in range(4):
            if not waiting:
                break
            request = waiting.pop(0)
            polled = understood(collector, Response(request, 200, {}, body, NOW), cursor, about)
            assert len(polled.cursor) > 0
            cursor, waiting = polled.cursor, [*polled.requests[:2], *waiting]
            _show(polled)


def lines(collector: TailCollector, about: SourceInfo, data: bytes) -> None:
    """A log file with this in it."""
    first = collector.read((), b"", about, NOW)
    _show(
        collector.read(
            tuple(data.decode("utf-8", "replace").splitlines()[:200]), first.cursor, about, NOW
        )
    )


def _show(polled: Polled) -> None:
    for event in polled.events:
        shown(event)


def proof(collector: WebhookCollector, data: bytes) -> None:
    """A delivery that claims to be authentic.

    The first line of this is in every header and in the path, the rest is the body.
    """
    webhook = collector.COLLECTOR.webhook
    assert webhook is not None
    first, _, body = data.partition(b"\n")
    value = first.decode("latin-1")
    names = {*proof_headers(webhook, SECRET, body, NOW, "1"), "content-type", "x-timestamp"}
    assert not proves(webhook, [SECRET], body, dict.fromkeys(names, value), value, NOW)
    form_payload({"content-type": "application/x-www-form-urlencoded"}, body)


def reader_headers(data: bytes) -> None:
    """A request for a feed whose headers say this."""
    names = (b"authorization", b"if-none-match", b"if-modified-since")
    request = Request({"type": "http", "headers": [(name, data) for name in names]})
    password(request), has_it(request, Document(b"", '"a"', NOW // 1000))


def headers(data: bytes) -> None:
    """An answer whose headers say this."""
    value = data.decode("latin-1")
    names = (
        "retry-after",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "ratelimit-remaining",
        "ratelimit-reset",
        "etag",
        "last-modified",
    )
    given = dict.fromkeys(names, value)
    rate_limit(given, NOW), retry_after(given, NOW), Validators.of(given).headers()


def git(data: bytes) -> None:
    """Parse the output of git."""
    printed = data.decode("utf-8", "replace")
    parse_heads(printed), parse_log(printed)


def posted(data: bytes) -> None:
    """A body that must be JSON."""
    json_document({}, data)
    json_document({"content-type": "application/x-www-form-urlencoded"}, b"payload=" + data)


def service_certificate(data: bytes) -> None:
    """The certificate of a service that signs what it posts."""

    async def answer(_: str) -> bytes:
        return data

    asyncio.run(Certificates(answer)._certificate("https://sns.example/a.pem"))


def unmatched(data: bytes) -> None:
    """A body that no rule knew, as it is kept: the receiver has checked its depth."""
    with contextlib.suppress(UnboundedError):
        check_json(data)
        masked(data)


def source_decoders() -> Iterator[Decoder]:
    """One for each way in of each collector, and what all share."""
    for name in sorted({*collector_names()} - {"git"}):
        module, about, seeds = collector_module(name), source(name), samples(name)
        webhook = module.COLLECTOR.webhook
        if webhook is not None:
            read = sorted({webhook.delivery_header, *webhook.headers} - {""})
            seeds = [*seeds, module.sample(about, NOW).body]
            yield Decoder(
                f"delivery of {name}", partial(delivery, module, about, read), seeds, share=4
            )
            yield Decoder(
                f"proof of {name}",
                partial(proof, module),
                [b"sha256=00\n{}", b"t=1,v1=00\n{}", b"Basic Og==\npayload=%7B%7D"],
                share=4,
            )
        if module.COLLECTOR.poll is not None:
            yield Decoder(
                f"answer of {name}", partial(answers, module, about), seeds, (FetchError,), share=4
            )
        if module.COLLECTOR.tail is not None:
            yield Decoder(
                f"lines of {name}",
                partial(lines, module, about),
                [b"2026-09-21T12:00:00Z ERROR shop: it broke\n  at x\n"],
                share=4,
            )
    yield Decoder(
        "headers of an answer", headers, [b"Wed, 21 Oct 2026 07:28:00 GMT", b"120", b"1795938030"]
    )
    yield Decoder(
        "headers of a feed's reader",
        reader_headers,
        [b"Basic YTpi", b'W/"a", "b"', b"Wed, 21 Oct 2026 07:28:00 GMT"],
    )
    yield Decoder(
        "output of git",
        git,
        [b"ref: refs/heads/main\tHEAD\n" + b"a" * 40 + b"\trefs/heads/main\n", _LOG],
    )
    pem = certificate_pem(Authority.create(NOW).certificate).encode()
    yield Decoder("certificate of a service", service_certificate, [pem], (UnsignedError,), share=2)
    yield Decoder("body that matched nothing", unmatched, [b'{"a": [1, {"token": "t"}]}'])
    yield Decoder("body of a delivery", posted, [b'{"a": [1, {"b": null}]}'], (BodyError,))


_LOG = b"\x1f".join((b"a" * 40, b"Ana", b"1790000000", b"Retry card capture")) + b"\x1e\n"
