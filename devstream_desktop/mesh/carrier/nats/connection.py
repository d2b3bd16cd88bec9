"""One connection to NATS servers: over TLS, bounded, its errors as sentences."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from devstream_desktop import machine
from devstream_desktop.door.tls import show
from devstream_desktop.mesh.carrier.broker import MOST_BYTES, BrokerError
from devstream_desktop.mesh.carrier.nats.access import JWT, SEED, Access

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.client import JetStreamContext

CONNECT_S, ANSWER_S, CLOSE_S = 5, 4.0, 0.5
"""Seconds to connect, for an answer, and to close."""
MOST_AT_ONCE = 2 * MOST_BYTES
"""The largest message of a server: one of the stream as JSON has it in base64."""


class _Needless(logging.Filter):
    """Keep out what asyncio warns of when a connection over TLS ends.

    The client reads with a protocol made for TCP, and nothing is wrong.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "eof_received() has no effect" not in str(record.msg)


_needless = _Needless()


class Connection:
    """A connection that may be opened again and again.

    Args:
        access: Where, and as whom.

    """

    def __init__(self, access: Access) -> None:
        self._access = access
        # Once, however many connections there are: a logger has each filter once.
        logging.getLogger("asyncio").addFilter(_needless)
        self._client: Client | None = None
        self._said = ""
        """The last error that the server reported by itself."""

    async def open(self) -> None:
        """Connect to one of the servers.

        Raises:
            BrokerError: none of them can be used.

        """
        from nats.aio.client import RawCredentials

        options: dict[str, Any] = {}
        text = self._access.credentials
        if text and JWT in text:
            options["user_credentials"] = RawCredentials(text)
        elif text and (seed := SEED.search(text)):
            options["nkeys_seed_str"] = seed.group()
        # One by one, so that no server sends us to an address that nobody chose.
        urls = random.sample(list(self._access.urls), len(self._access.urls))
        error: BrokerError | None = None
        for url in urls:
            self._said = ""
            options.pop("tls", None)
            try:
                async with self.told(), asyncio.timeout(2 * CONNECT_S):
                    if url.startswith("tls://"):
                        options["tls"] = await asyncio.to_thread(self._context_of_tls)
                    # Known before it connects, so that one that fails is closed as well.
                    self._client = _client(secret="tls" in options)
                    await self._client.connect(
                        [url],
                        name="devstream",
                        allow_reconnect=False,
                        max_reconnect_attempts=1,
                        reconnect_time_wait=0,
                        connect_timeout=CONNECT_S,
                        error_cb=self._on_error,
                        **options,
                    )
            except BrokerError as one:
                await self.close()
                error = BrokerError(f"{url} cannot be used: {one}")
                continue
            return
        raise error or BrokerError("no server is named")

    async def close(self) -> None:
        """End it; nothing happens when there is none."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await client.close()
            _end_if_cancelled()

    def client(self) -> Client:
        """Return the client.

        Raises:
            BrokerError: there is no connection.

        """
        if self._client is None or not self._client.is_connected:
            raise BrokerError(self._said or "the connection was lost")
        return self._client

    def context(self) -> JetStreamContext:
        """Return the client's JetStream.

        Raises:
            BrokerError: there is no connection.

        """
        return self.client().jetstream(timeout=ANSWER_S)

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Turn whatever the client raises into a sentence, a `BrokerError`."""
        try:
            yield
        except (BrokerError, asyncio.CancelledError):
            raise
        # Its answers are foreign bytes, and a client that stumbles over them must not end the node.
        except Exception as error:
            _end_if_cancelled()
            raise BrokerError(self._reason(error)) from error
        _end_if_cancelled()

    def _context_of_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._access.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._access.own is not None:
            show(context, *self._access.own())
        return context

    async def _on_error(self, error: Exception) -> None:
        self._said = self._reason(error)

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
            return self._said or "it does not answer"
        if type(error).__name__ == "NoServersError":
            return self._said or "it cannot be reached"
        if type(error).__name__ == "ServiceUnavailableError":
            return (
                "no JetStream answers there: it needs jetstream { store_dir: … } in its settings,"
                " or is a leaf whose line to the cluster is cut"
            )
        if isinstance(error, ssl.SSLError):
            reason = getattr(error, "reason", None) or str(error)
            # An alert is the server's word on what it was shown.
            if "ALERT" in reason:
                return f"it does not take this device's certificate ({reason})"
            return f"its certificate is not trusted ({reason})"
        if isinstance(error, OSError):
            return machine.reason(error)
        described = getattr(error, "description", None) or str(error) or type(error).__name__
        return " ".join(described.removeprefix("nats: ").split())[:200]


def _end_if_cancelled() -> None:
    """End a task that was cancelled; the client takes a cancellation for an error of its own."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _client(*, secret: bool) -> Client:
    """Make a client; a secret one says nothing of itself before TLS is there."""
    from nats.aio.client import Client
    from nats.errors import Error, ProtocolError
    from nats.protocol.parser import Parser

    class BoundedParser(Parser):
        # A server may announce any size, or a line without an end, and the parser waits for it.
        async def parse(self, data: bytes = b"") -> None:
            await super().parse(data)
            if max(self.needed, len(self.buf)) > MOST_AT_ONCE:
                raise ProtocolError("it sends more than there may be in one message")

    class BoundedClient(Client):
        def __init__(self) -> None:
            super().__init__()
            self._ps = BoundedParser(self)

    class SecretClient(BoundedClient):
        # A server, or who stands before it, may say that it needs no TLS, and the client obeys.
        def _connect_command(self) -> bytes:
            writer = getattr(self._transport, "_io_writer", None)
            if writer is None or writer.get_extra_info("ssl_object") is None:
                raise Error("it does not speak TLS")
            return bytes(super()._connect_command())

    return SecretClient() if secret else BoundedClient()
