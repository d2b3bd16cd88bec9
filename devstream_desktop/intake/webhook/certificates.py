"""Signatures by certificate, which is fetched from its service's own host.

A collector names the addresses of its service. No other is ever asked, nor a redirect to another
host followed. Each address is asked once, and at most `MAX_KEPT` certificates are kept. Only a body
with the proof of its source's secret gets here, so strangers make this node ask nobody.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from devstream_collectors.contract import Certified, Request, Signed
from devstream_desktop.clock import now_ms
from devstream_desktop.errors import DevstreamError

if TYPE_CHECKING:
    from devstream_desktop.intake.poll.http_client import Fetcher

MAX_ANSWER = 64 * 1024
MAX_KEPT = 16
SECONDS = 8.0
"""Seconds for one question; SNS waits 15 for its answer."""
_LEAST_BITS = 2048
_DIGESTS = {"sha1": SHA1, "sha256": SHA256}
Ask = Callable[[str], Awaitable[bytes]]


class UnsignedError(DevstreamError):
    """A body is not signed by its service; the message says what is wrong."""


class UnreachableError(DevstreamError):
    """A host does not answer now; the sender should try again."""


class Certificates:
    """The certificates that signatures are checked with. Lives in one loop."""

    def __init__(self, ask: Ask | None = None) -> None:
        """Take what fetches the body of an address; tests give another."""
        self._ask = ask or fetch
        self._kept: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._asking = asyncio.Lock()

    async def check(self, certified: Certified, signed: Signed | None, now: int) -> None:
        """Pass a body signed with a certificate from the service's own host.

        Raises:
            UnsignedError: it is not.
            UnreachableError: the certificate cannot be had now.

        """
        if signed is None or not signed.signature:
            raise UnsignedError("it has no signature that can be checked")
        # The address is in the body: without this check its writer chooses whom this node asks.
        if not re.fullmatch(certified.certificate, signed.certificate):
            raise UnsignedError("its certificate is not at an address of the service")
        certificate = await self._certificate(signed.certificate)
        at = datetime.fromtimestamp(now / 1000, UTC)
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise UnsignedError("its certificate is not valid now")
        # A weak key could be broken, and with it the signature of anybody.
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_BITS:
            raise UnsignedError("its certificate has no RSA key of 2,048 bits")
        try:
            key.verify(signed.signature, signed.text, PKCS1v15(), _DIGESTS[signed.digest]())
        except InvalidSignature:
            raise UnsignedError("its signature is wrong") from None

    async def confirm(self, certified: Certified, address: str) -> None:
        """Confirm to the service that it may post here.

        Raises:
            UnsignedError: the address is none of the service's.
            UnreachableError: it did not answer, or not with success.

        """
        if not re.fullmatch(certified.confirm, address):
            raise UnsignedError("the address that confirms it is none of the service's")
        await self._ask(address)

    async def _certificate(self, address: str) -> x509.Certificate:
        # One at a time: a burst after a change of certificates asks once.
        async with self._asking:
            if (kept := self._kept.get(address)) is not None:
                self._kept.move_to_end(address)
                return kept
            try:
                found = x509.load_pem_x509_certificate(await self._ask(address))
            except ValueError:
                raise UnsignedError("its certificate cannot be read") from None
            self._kept[address] = found
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return found


async def fetch(address: str) -> bytes:
    """Ask an address by GET, without following it to another host.

    Raises:
        UnreachableError: it does not answer with success, in time and in bounds.

    """
    parts = urlsplit(address)
    base = f"{parts.scheme}://{parts.netloc}"
    fetcher = await asyncio.to_thread(_fetcher, base)
    from devstream_desktop.intake.poll.http_client import Validators

    try:
        async with asyncio.timeout(SECONDS):
            request = Request(address.removeprefix(base), accept="*/*")
            answer = await fetcher.fetch(request, {}, Validators(), now_ms())
    except TimeoutError:
        raise UnreachableError(f"{parts.netloc} did not answer within {SECONDS:.0f} s") from None
    except DevstreamError as error:
        raise UnreachableError(str(error)) from None
    finally:
        await fetcher.close()
    if len(answer.body) > MAX_ANSWER:
        raise UnreachableError(f"{parts.netloc} answered with more than {MAX_ANSWER} bytes")
    return answer.body


def _fetcher(base: str) -> Fetcher:
    """Make the client. It is heavy: loaded when needed, and off the loop."""
    from devstream_desktop.intake.poll.http_client import Fetcher

    return Fetcher(base, {})
