"""NATS JetStream as a broker. The only file that knows its client, nats-py.

    devstream-TEAM          devstream.TEAM.feed.DEVICE.EPOCH     signature[64], body
    devstream-TEAM-papers   devstream.TEAM.paper.KIND.HASH       the newest of each subject
    in no stream            devstream.TEAM.site.SITE             signature[64], a beat

The client is imported when somebody connects: without the extra `nats` nothing of this is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from devstream_desktop import machine
from devstream_desktop.mesh.carrier.broker import (
    MOST_BYTES,
    WAIT_S,
    BrokerError,
    Extent,
    Log,
    Message,
    Outgoing,
    Receipt,
)
from devstream_desktop.stream.entry import MAX_BODY, MAX_SEQ, SIGNATURE_BYTES

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js.client import JetStreamContext

MISSING = (
    "the client for NATS is not installed; install devstream with it: pip install 'devstream[nats]'"
)
CONNECT_S, ANSWER_S, SEND_S, CLOSE_S = 5, 4.0, 10.0, 0.5
"""Seconds to connect, for an answer, to send, and to close."""
BATCH = 64
"""Messages asked for at once: at most 32 MiB, whatever somebody put there."""
SENT_AT_ONCE = 256
MOST_AT_ONCE = 2 * MOST_BYTES
"""The largest message of a server: one of the stream as JSON has it in base64."""
REPEATS_S = 120
"""Seconds for which the server drops what comes again under one id."""
MOST_PAPERS = 64 * 1024 * 1024
IDLE_S = 30.0
"""Seconds after which the server forgets a reader that went away."""
MOST_WORDS = 256
"""Words said to a site that wait; more are dropped."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_THAT_STREAM = 10060
"""JetStream's error code of a message that expects another stream."""
_SEED = re.compile(r"\bSU[A-Z2-7]{40,60}\b")
_JWT = "BEGIN NATS USER JWT"


@dataclass(frozen=True)
class Access:
    """Addresses of a cluster of servers, and the credentials for it."""

    urls: Sequence[str]
    ca: str = ""
    """A file with the authorities of the servers' certificates; empty: this machine's."""
    credentials: str = ""
    """A secret: the text of a `.creds` file, or an nkey's seed."""


@dataclass(frozen=True)
class Wanted:
    """Configuration that the streams of a team should have."""

    seconds: int
    """Age at which an entry goes."""
    replicas: int = 1


def name_of(team: str) -> str:
    """Return a team's name in subjects and streams."""
    return team if _TOKEN.fullmatch(team) else hashlib.sha256(team.encode()).hexdigest()[:32]


def proves(credentials: str) -> bool:
    """Tell whether a text holds the seed of a user."""
    return _SEED.search(credentials) is not None


def missing_client() -> str:
    """Return a sentence where the client is not installed; empty where it is."""
    return "" if find_spec("nats") and find_spec("nkeys") else MISSING


class NatsBroker:
    """The streams of one team at NATS servers.

    Args:
        team: The team's id.
        access: Where, and as whom.
        wanted: How streams are made that are not there.

    """

    def __init__(self, team: str, access: Access, wanted: Wanted) -> None:
        name = name_of(team)
        self._access = access
        self._wanted = wanted
        self._client: Client | None = None
        self._said = ""
        """The last error that the server reported by itself."""
        self._said_to = f"devstream.{name}.site."
        self._entries = _NatsLog(self, f"devstream-{name}", f"devstream.{name}.feed.")
        self._papers = _NatsLog(self, f"devstream-{name}-papers", f"devstream.{name}.paper.")

    @property
    def entries(self) -> Log:
        """As `Broker`."""
        return self._entries

    @property
    def papers(self) -> Log:
        """As `Broker`."""
        return self._papers

    async def open(self) -> None:
        """As `Broker`."""
        if missing := missing_client():
            raise BrokerError(missing)
        await self._connect()
        await self._make_streams()

    async def close(self) -> None:
        """As `Broker`."""
        client, self._client = self._client, None
        self._entries.forget()
        self._papers.forget()
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await client.close()
            _end_if_cancelled()

    async def say(self, site: str, word: bytes) -> None:
        """As `Broker`."""
        async with self.told():
            await self._connected().publish(self._said_to + site, word)

    async def hear(self, site: str, on_word: Callable[[bytes], None]) -> Callable[[], None]:
        """As `Broker`."""

        async def heard(message: Msg) -> None:
            on_word(message.data)

        async with self.told():
            await self._connected().subscribe(
                self._said_to + site,
                cb=heard,
                pending_msgs_limit=MOST_WORDS,
                pending_bytes_limit=MOST_WORDS * 4096,
            )
        # It ends with the connection.
        return lambda: None

    async def remarks(self) -> list[str]:
        """Compare the streams with what is wanted; a sentence for each difference.

        Raises:
            BrokerError: they cannot be looked at.

        """
        async with self.told():
            config = (await self.context().stream_info(self._entries.name)).config
            found: list[str] = []
            # 0 is for ever.
            if config.max_age and config.max_age < self._wanted.seconds:
                days = f"{config.max_age / 86_400:g} days; the team keeps"
                found.append(
                    f"the stream {self._entries.name} keeps entries for {days}"
                    f" {self._wanted.seconds / 86_400:g}: raise its max-age"
                )
            if (config.num_replicas or 1) < self._wanted.replicas:
                found.append(
                    f"the stream {self._entries.name} has {config.num_replicas or 1} replicas,"
                    f" and {self._wanted.replicas} were asked for"
                )
            return found

    async def may_send(self, device: str) -> bool:
        """Tell whether this device may write its own feeds; nothing is stored."""
        try:
            async with asyncio.timeout(2.0):
                # A message for another stream is refused, and only after the rights were looked at.
                await self.context().publish(
                    f"{self._entries.prefix}{device}.{'0' * 16}", b"", stream="none"
                )
        except TimeoutError:
            return False
        except Exception as error:  # noqa: BLE001 - the client's errors have no common base
            return getattr(error, "err_code", None) == _NOT_THAT_STREAM
        return False

    async def may_say(self, site: str) -> bool:
        """Tell whether this device hears at a site what it says there."""
        heard = asyncio.Event()
        with contextlib.suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(2.0):
                end = await self.hear(site, lambda _: heard.set())
                await self.say(site, b"")
                await heard.wait()
                end()
        return heard.is_set()

    def subject_of(self, site: str) -> str:
        """Return the subject on which the nodes of a site talk."""
        return self._said_to + site

    def subjects_of(self, device: str) -> str:
        """Return the subjects of a device's feeds."""
        return f"{self._entries.prefix}{device}.>"

    def context(self) -> JetStreamContext:
        """Return the client's JetStream.

        Raises:
            BrokerError: there is no connection.

        """
        return self._connected().jetstream(timeout=ANSWER_S)

    def _connected(self) -> Client:
        if self._client is None or not self._client.is_connected:
            raise BrokerError(self._said or "the connection was lost")
        return self._client

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Turn whatever the client raises into a sentence."""
        try:
            yield
        except (BrokerError, asyncio.CancelledError):
            raise
        # Its answers are foreign bytes, and a client that stumbles over them must not end the node.
        except Exception as error:
            _end_if_cancelled()
            raise BrokerError(self._reason(error)) from error
        _end_if_cancelled()

    async def _connect(self) -> None:
        from nats.aio.client import RawCredentials

        options: dict[str, Any] = {}
        text = self._access.credentials
        if text and _JWT in text:
            options["user_credentials"] = RawCredentials(text)
        elif text and (seed := _SEED.search(text)):
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

    def _context_of_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._access.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
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
            return f"its certificate is not trusted ({getattr(error, 'reason', None) or error})"
        if isinstance(error, OSError):
            return machine.reason(error)
        described = getattr(error, "description", None) or str(error) or type(error).__name__
        return " ".join(described.removeprefix("nats: ").split())[:200]

    async def _make_streams(self) -> None:
        from nats.js import api

        wanted, entries, papers = self._wanted, self._entries, self._papers
        same: dict[str, Any] = {
            "storage": api.StorageType.FILE,
            "num_replicas": wanted.replicas,
            "duplicate_window": min(REPEATS_S, wanted.seconds),
            "deny_purge": True,
        }
        await self._make_stream(
            api.StreamConfig(
                name=entries.name,
                subjects=[f"{entries.prefix}>"],
                max_age=wanted.seconds,
                max_msg_size=SIGNATURE_BYTES + MAX_BODY + 256,
                deny_delete=True,
                **same,
            )
        )
        await self._make_stream(
            api.StreamConfig(
                name=papers.name,
                subjects=[f"{papers.prefix}>"],
                max_msgs_per_subject=1,
                max_bytes=MOST_PAPERS,
                max_msg_size=MOST_BYTES + 256,
                **same,
            )
        )

    async def _make_stream(self, config: Any) -> None:
        from nats.js.errors import NotFoundError

        async with self.told():
            try:
                await self.context().stream_info(config.name)
            except NotFoundError:
                await self.context().add_stream(config)


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


class _NatsLog:
    """One stream, read by a short-lived consumer."""

    def __init__(self, broker: NatsBroker, name: str, prefix: str) -> None:
        self.name = name
        self.prefix = prefix
        self._broker = broker
        self._reader: JetStreamContext.PullSubscription | None = None
        self._consumer = ""
        self._next = 0
        """The number that the reader is at."""
        self._delivered = 0
        """Messages that the reader has brought."""
        self._silent = False
        """The last read brought nothing."""
        self._asked = 0.0
        """Time of the last read, `time.monotonic`."""
        self._oldest = (0, 0)
        """Number and time of the oldest message."""

    def forget(self) -> None:
        """Forget the reader of a connection that is over."""
        self._reader = None

    async def extent(self) -> Extent:
        """As `Log`."""
        async with self._broker.told():
            context = self._broker.context()
            info = await context.stream_info(self.name)
            first, last = max(1, info.state.first_seq), info.state.last_seq
            if last > MAX_SEQ:
                raise BrokerError("it numbers its messages as no server does")
            # Its server may have died, and then nobody answers: another reader is made.
            if self._silent and last >= self._next:
                self.forget()
            since = 0
            if first > 1 and info.state.messages:
                if self._oldest[0] != first:
                    stored = (await context.get_msg(self.name, first)).time
                    self._oldest = (first, round(stored.timestamp() * 1000) if stored else 0)
                since = self._oldest[1]
            return Extent(str(info.created), first, last, since)

    async def read(self, first: int) -> Sequence[Message]:
        """As `Log`."""
        async with self._broker.told():
            now = time.monotonic()
            forgotten = now - self._asked > IDLE_S / 2
            self._asked = now
            if self._reader is None or self._next != first or forgotten:
                await self._seek(first)
            reader = self._reader
            if reader is None:
                raise BrokerError("the connection was lost")
            self._silent = False
            try:
                found = await reader.fetch(BATCH, timeout=WAIT_S)
            except TimeoutError:
                self._silent = True
                self._broker.context()
                return []
            messages: list[Message] = []
            for one in found:
                place = one.metadata.sequence
                self._delivered += 1
                # The client drops what it has no room for.
                orderly = place.consumer == self._delivered and place.stream >= self._next
                if not orderly or place.stream > MAX_SEQ:
                    self.forget()
                    raise BrokerError("messages were lost on the way, and are read again")
                self._next = place.stream + 1
                messages.append(
                    Message(place.stream, one.subject.removeprefix(self.prefix), one.data)
                )
            return messages

    async def at(self, seq: int) -> Message | None:
        """As `Log`."""
        from nats.js.errors import NotFoundError

        async with self._broker.told():
            try:
                found = await self._broker.context().get_msg(self.name, seq)
            except NotFoundError:
                return None
            topic = (found.subject or "").removeprefix(self.prefix)
            return Message(seq, topic, found.data or b"")

    async def append(self, messages: Sequence[Outgoing]) -> Sequence[Receipt]:
        """As `Log`."""
        receipts: list[Receipt] = []
        for at in range(0, len(messages), SENT_AT_ONCE):
            async with self._broker.told(), asyncio.timeout(SEND_S):
                context = self._broker.context()
                waiting = [
                    await context.publish_async(
                        self.prefix + one.topic,
                        one.data,
                        headers={"Nats-Msg-Id": one.id} if one.id else None,
                    )
                    for one in messages[at : at + SENT_AT_ONCE]
                ]
                for answer in await asyncio.gather(*waiting, return_exceptions=True):
                    if isinstance(answer, BaseException):
                        raise answer
                    receipts.append(Receipt(answer.seq, bool(answer.duplicate)))
        return receipts

    async def _seek(self, first: int) -> None:
        from nats.js import api

        context, before = self._broker.context(), self._reader
        self._reader = None
        if before is not None:
            with contextlib.suppress(Exception):
                await before.unsubscribe()
                await context.delete_consumer(self.name, self._consumer)
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=IDLE_S,
            mem_storage=True,
            num_replicas=1,
        )
        self._reader = await context.pull_subscribe(
            "", stream=self.name, config=config, pending_bytes_limit=BATCH * (MOST_BYTES + 4096)
        )
        self._consumer, self._next, self._delivered = str(config.name), first, 0
