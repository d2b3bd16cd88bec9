"""`devstream source test`: send a sample the real way, and report how far it got.

It begins on the sender's side and ends as a quiet line in the stream.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import ClassVar, Protocol

import msgspec

from devstream_collectors.contract import Normalised
from devstream_desktop.errors import DevstreamError
from devstream_desktop.intake.health import Publish
from devstream_desktop.intake.webhook.endpoint import Endpoint
from devstream_desktop.intake.webhook.normaliser import tested_event
from devstream_desktop.intake.webhook.proof import proof_headers
from devstream_desktop.intake.webhook.spool import TEST_HEADER

SECONDS = 10.0


class TestReport(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a source's test.

    `reached` is `configured`, `read` (polled) or `accepted` (posted), or `published`.
    """

    __test__: ClassVar[bool] = False  # not a test of pytest's

    ok: bool
    reached: str
    detail: str


class Look(Protocol):
    """The part of a poller that a test needs."""

    async def look_once(self) -> str:
        """Ask the source once, and describe what came.

        Raises:
            DevstreamError: it cannot be read.

        """
        ...


def failed(reached: str, detail: str) -> TestReport:
    """Make the report of a test that ended early."""
    return TestReport(ok=False, reached=reached, detail=detail)


def both(reports: list[TestReport]) -> TestReport:
    """Join the reports of a source's ways. The first failure decides how far it got."""
    worst = next((report for report in reports if not report.ok), reports[0])
    return TestReport(
        ok=worst.ok, reached=worst.reached, detail="; ".join(report.detail for report in reports)
    )


async def try_poll(poller: Look, name: str, publish: Publish, now: Callable[[], int]) -> TestReport:
    """Ask once, then publish a quiet line."""
    try:
        detail = await poller.look_once()
    except DevstreamError as error:
        return failed("configured", str(error))
    except Exception as error:  # noqa: BLE001 - it is the result of the test
        return failed("configured", f"it cannot be asked: {error}")
    try:
        await publish([tested_event(name, secrets.token_hex(8), now())])
    except Exception as error:  # noqa: BLE001 - it is the result of the test
        return failed("read", f"{detail}; but the line could not be published: {error}")
    return TestReport(ok=True, reached="published", detail=detail)


async def try_webhook(
    endpoint: Endpoint,
    address: tuple[str, int] | None,
    waiting: dict[str, asyncio.Future[Normalised]],
    now: Callable[[], int],
) -> TestReport:
    """Post a signed sample to our own receiver; wait for its publication."""
    if address is None:
        return failed("configured", "this node has no receiver; start it with --intake HOST:PORT")
    test = secrets.token_hex(8)
    result = waiting[test] = asyncio.get_running_loop().create_future()
    reached = "configured"
    try:
        async with asyncio.timeout(SECONDS):
            status = await _post(endpoint, address, test, now())
            if status != endpoint.webhook.answer[0]:
                return failed(reached, f"the receiver answered {status}")
            reached = "accepted"
            outcome = await result
    except TimeoutError:
        return failed(
            reached,
            f"it got no further within {SECONDS:.0f} s; `devstream status` shows what it waits for",
        )
    except OSError as error:
        return failed(reached, f"the receiver cannot be reached: {error}")
    finally:
        del waiting[test]
    if outcome.dropped:
        return failed(
            reached, f"the sample made no line: {outcome.dropped} {outcome.detail}".rstrip()
        )
    return TestReport(
        ok=True, reached="published", detail="signature, spool, mapping and stream are in order"
    )


async def _post(endpoint: Endpoint, address: tuple[str, int], test: str, now: int) -> int:
    """Post an authentic delivery; return the HTTP status, 0 for no answer."""
    info, webhook, secret = endpoint.info, endpoint.webhook, endpoint.secrets[0]
    delivery = endpoint.collector.sample(info, now)
    headers = {"content-type": "application/json", **delivery.headers}
    proof = proof_headers(webhook, secret, delivery.body, now, test)
    path = f"/in/{info.name}" if proof else f"/in/{info.name}/{secret.decode()}"
    headers |= proof | {
        "host": "localhost",
        "content-length": str(len(delivery.body)),
        TEST_HEADER: test,
    }
    if webhook.delivery_header:
        headers[webhook.delivery_header] = test
    lines = [
        f"POST {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        "connection: close",
        "",
        "",
    ]
    host, port = address
    # One POST on loopback needs no HTTP client.
    reader, writer = await asyncio.open_connection(
        {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host),  # noqa: S104 - no bind
        port,
    )
    try:
        writer.write("\r\n".join(lines).encode("latin-1", "replace") + delivery.body)
        await writer.drain()
        answer = (await reader.readline()).split()
    finally:
        writer.close()
        await writer.wait_closed()
    return int(answer[1]) if len(answer) > 1 and answer[1].isdigit() else 0
