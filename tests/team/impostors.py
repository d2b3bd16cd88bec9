"""Strangers who wait for joiners at an issuer's address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from devstream_desktop.door.tls import server_context
from devstream_desktop.team.certificates import Authority, TlsKey
from devstream_desktop.team.joining import wire


class Recorder:
    """A stranger at the invited address, who answers as told and keeps every question."""

    def __init__(self, authority_der: bytes, context: ssl.SSLContext, claims: int = 0) -> None:
        """`claims`: the bytes that its answer claims to have; 0 for what it has."""
        self.questions: list[wire.Question] = []
        self._answer = wire.frame(wire.Authority(authority_der))
        if claims:
            self._answer = claims.to_bytes(wire.HEAD_BYTES, "big") + self._answer[wire.HEAD_BYTES :]
        self._context = context

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question: wire.Question = wire.decode_question(
                await wire.read_frame(reader, wire.MAX_QUESTION)
            )
            self.questions.append(question)
            writer.write(self._answer)
            await writer.drain()
            # Who believes the claim waits for the rest of it.
            await reader.read()
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        async with server:
            yield server.sockets[0].getsockname()[1]

    @property
    def secrets_seen(self) -> int:
        return sum(isinstance(question, wire.AskMembership) for question in self.questions)


async def server_of(authority: Authority, device: str, folder: Path) -> ssl.SSLContext:
    key = TlsKey.generate()
    return await asyncio.to_thread(
        lambda: server_context(
            authority.issue(device, key.request(), 1_800_000_000_000), key.pem, folder
        )
    )
