"""Joining a team.

From a pasted invite to a certificate and the team's policies; and renewing a certificate at the
same door.

As k3s and kubeadm do it: fetch the CA certificate unverified, compare it with the hash in the
invite, and only then send the secret, over TLS that this authority and the issuer's own name vouch
for. A stranger in between has another authority, the real certificate without its key, or another
member's name; each ends before the secret is sent.

A member whose certificate has ended renews here too, signing with its device key; one that is still
linked does it over its links (renewals.py).
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from devstream_desktop.address import AddressError, destination, problem
from devstream_desktop.keys import DeviceKey
from devstream_desktop.stream.text import clean
from devstream_desktop.team.certificates import (
    CertificateError,
    TlsKey,
    certificate_pem,
    common_name,
    is_issued_by,
    load_certificate,
    pin,
)
from devstream_desktop.team.errors import PolicyError, TeamError
from devstream_desktop.team.joining import tls
from devstream_desktop.team.joining.errors import JoinError, JoinWaitsError, Problem
from devstream_desktop.team.joining.invite import Invite, read_invite
from devstream_desktop.team.joining.packed import unpack
from devstream_desktop.team.joining.wire import (
    HANDSHAKE_S,
    MAX_ANSWER,
    Answer,
    AskAuthority,
    AskMembership,
    AskRenewal,
    Authority,
    MalformedFrameError,
    Membership,
    Question,
    Refused,
    Renewed,
    Waiting,
    decode_answer,
    frame,
    proof_message,
    read_frame,
    renewal_message,
)
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.names import check_name, machine_name
from devstream_desktop.team.policy.policy import Policy

_AT_ONCE, _MOST_PLACES, _TOLD = 16, 192, 3
"""Places of a renewal: tried at once, tried at all, and named to a person."""
ANSWER_S = 15.0
"""Seconds that the issuer may take to answer a question."""
_CLOCK_CODES = frozenset(
    {9, 10}
)  # X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED, openssl/x509_vfy.h


@dataclass(frozen=True)
class Place:
    """An address, HOST:PORT, at which an issuer's device may be."""

    issuer: str
    address: str


@dataclass(frozen=True)
class Joined:
    """The result of a join, all of it checked."""

    person: str
    certificate_pem: str
    tls_key_pem: str
    chain: PolicyChain
    peers: tuple[str, ...]
    issuer: str
    """The device that let this one in."""
    doors: tuple[str, ...]
    """The issuer's addresses, the one at which it answered first."""


async def join(invite_text: str, person: str, device: DeviceKey) -> Joined:
    """Ask the issuer of an invite for membership as `person`.

    Empty where the invite is for a further device of somebody whom the team knows. The same device
    may repeat it when an answer was lost.

    Raises:
        JoinError: `problem` and a sentence say what stood in the way, and what to do.
        JoinWaitsError: an admin has to approve first; ask again in some seconds.

    """
    invite = read_invite(invite_text)
    try:
        # Before anything is sent, so that a typing mistake costs no try.
        if person:
            check_name(person, "person")
    except PolicyError as error:
        raise JoinError(Problem.NAME, str(error)) from None
    # Made here, so that no issuer ever sees the private key.
    key = await asyncio.to_thread(TlsKey.generate)
    question = AskMembership(
        invite.id, invite.secret, device.public, person, key.request(), b"", machine_name()
    )
    question = msgspec.structs.replace(
        question, proof=device.sign(proof_message(invite.pin, question))
    )
    answer, authority, address = await _ask_inviter(invite, question)
    if isinstance(answer, Refused):
        raise JoinError(_problem(answer.problem))
    if isinstance(answer, Waiting):
        # Names come from outside and are shown, so they are cleaned and counted.
        raise JoinWaitsError(
            clean(answer.team, 60), tuple(clean(name, 40) for name in answer.approvers[:20])
        )
    if not isinstance(answer, Membership):
        raise JoinError(Problem.ANSWER)
    return await asyncio.to_thread(
        _checked, invite, address, person, device, key, authority, answer
    )


async def renew(
    policy: Policy, places: Sequence[Place], device: DeviceKey, key: TlsKey
) -> tuple[str, Place]:
    """Get a certificate (PEM) from the first issuer that answers, and where.

    All places are tried, some at a time: an address that leads nowhere takes its time.

    Raises:
        TeamError: none gave one; the message says why of each.

    """
    failures: dict[str, None] = {}
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def attempt(place: Place) -> tuple[str, Place] | None:
        async with at_once:
            try:
                authority = certificate_pem(
                    load_certificate(policy.issuers[place.issuer].certificate)
                )
                return await _renew_at(place.issuer, place.address, authority, device, key), place
            except (JoinError, CertificateError) as error:
                # The next issuer may be there; the person hears of all.
                name = policy.name_of(place.issuer)
                failures[f"{name} at {place.address}: {error}"] = None
                return None

    # A device that lost the role is of no use.
    useful = [one for one in dict.fromkeys(places) if policy.is_issuer(one.issuer)][:_MOST_PLACES]
    trying = [asyncio.ensure_future(attempt(place)) for place in useful]
    try:
        for ended in asyncio.as_completed(trying):
            if (got := await ended) is not None:
                return got
    finally:
        for one in trying:
            one.cancel()
        await asyncio.gather(*trying, return_exceptions=True)
    told = list(failures)
    more = [f"and {len(told) - _TOLD} more addresses"] if len(told) > _TOLD else []
    why = "; ".join([*told[:_TOLD], *more]) or "no address of an issuer is known here"
    issuers = " or ".join(
        sorted({policy.name_of(issuer) for issuer in policy.issuers if policy.is_issuer(issuer)})
    )
    raise TeamError(
        f"the certificate could not be renewed ({why}); have {issuers} start devstream, or where "
        "it runs: devstream team renew --at HOST:PORT"
    )


async def _renew_at(
    issuer: str, address: str, authority: str, device: DeviceKey, key: TlsKey
) -> str:
    request = await asyncio.to_thread(key.request)
    proof = device.sign(
        renewal_message(
            pin(load_certificate(authority.encode()).public_bytes(Encoding.DER)), request
        )
    )
    answer = await _ask(
        address, issuer, AskRenewal(device.public, request, proof), tls.verified_context(authority)
    )
    if isinstance(answer, Refused):
        raise JoinError(_problem(answer.problem))
    # An issuer could send a certificate for another key or device.
    if not isinstance(answer, Renewed) or not _is_ours(answer.certificate, authority, device, key):
        raise JoinError(Problem.ANSWER)
    return answer.certificate


def _is_ours(certificate: str, authority: str, device: DeviceKey, key: TlsKey) -> bool:
    try:
        # For this device, with its key, by the authority that was asked.
        issued = is_issued_by(load_certificate(certificate.encode()), authority.encode())
        return issued and key.fits(certificate) and common_name(certificate) == device.id
    except ValueError:
        return False


async def _ask_inviter(invite: Invite, question: AskMembership) -> tuple[Answer, str, str]:
    """Ask the issuer of an invite; return its answer, authority (PEM) and address.

    All addresses of the invite are tried at once. In the joiner's network some may be anybody's.

    Raises:
        JoinError: the issuer is at none; it says why of the address that came nearest.

    """
    failures: list[JoinError] = []
    trying = [asyncio.ensure_future(_authority(invite, one)) for one in invite.addresses]
    try:
        for ended in asyncio.as_completed(trying):
            try:
                authority, address = await ended
                # Anybody can show the team's authority, which is public; only the issuer gets
                # further than the handshake. Whoever else is there hides no other address.
                context = tls.verified_context(authority)
                answer = await _ask(address, invite.issuer_device, question, context)
            except JoinError as error:
                failures.append(error)
            else:
                return answer, authority, address
    finally:
        for one in trying:
            one.cancel()
        await asyncio.gather(*trying, return_exceptions=True)
    unreachable = [error for error in failures if error.problem is Problem.UNREACHABLE]
    answered = [error for error in failures if error.problem is not Problem.UNREACHABLE]
    # A certificate of the wrong time is the issuer's own.
    clock = next((error for error in failures if error.problem is Problem.CLOCK), None)
    if clock is not None or len(invite.addresses) == 1:
        raise clock or failures[0]
    if unreachable:
        # Whoever answered at another is somebody else, and the issuer was not reached.
        others = [f"{error.detail}: it is somebody else" for error in answered]
        raise JoinError(
            Problem.UNREACHABLE, "; ".join([*(one.detail for one in unreachable), *others])
        )
    raise answered[0]


async def _authority(invite: Invite, address: str) -> tuple[str, str]:
    """Return the team's CA certificate in PEM, proven, and `address`."""
    answer = await _ask(address, invite.issuer_device, AskAuthority(), tls.unverified_context())
    if not isinstance(answer, Authority):
        raise JoinError(Problem.ANSWER, address)
    # This is where a man in the middle fails, before any secret has left.
    if not hmac.compare_digest(pin(answer.certificate), invite.pin):
        raise JoinError(Problem.PIN, address)
    try:
        return certificate_pem(load_certificate(answer.certificate)), address
    except CertificateError:
        raise JoinError(Problem.ANSWER, address) from None


async def _ask(address: str, issuer: str, question: Question, context: ssl.SSLContext) -> Answer:
    """One question to the device `issuer`.

    A context that verifies does so before a byte of the question leaves.
    """
    try:
        host, port = destination(address)
    except AddressError as error:
        raise JoinError(Problem.UNREACHABLE, str(error)) from None
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(
                # The certificate must be for the issuer's device, so that no other member can
                # answer.
                host,
                port,
                ssl=context,
                server_hostname=issuer,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
            try:
                writer.write(frame(question))
                await writer.drain()
                answer = decode_answer(await read_frame(reader, MAX_ANSWER))
            finally:
                # Not `close`, which would wait for the other side.
                writer.transport.abort()
            return answer
    except ssl.SSLCertVerificationError as error:
        raise JoinError(
            Problem.CLOCK if error.verify_code in _CLOCK_CODES else Problem.IMPOSTOR, address
        ) from error
    except (OSError, EOFError) as error:
        # asyncio's time-out and every other TLS failure are OSErrors as well.
        reason = (
            "no answer in time"
            if isinstance(error, TimeoutError)
            else str(error) or type(error).__name__
        )
        raise JoinError(Problem.UNREACHABLE, f"{address}: {reason}") from error
    except MalformedFrameError as error:
        raise JoinError(Problem.ANSWER, address) from error


def _checked(
    invite: Invite,
    address: str,
    person: str,
    device: DeviceKey,
    key: TlsKey,
    authority: str,
    answer: Membership,
) -> Joined:
    try:
        # Every signature from the first version on is checked here.
        chain = PolicyChain.from_documents(unpack(answer.documents))
    except (MalformedFrameError, PolicyError) as error:
        raise JoinError(Problem.ANSWER, clean(str(error), 120)) from error
    policy = chain.current
    if (
        # The policy must name the invite's authority and issuer, and this device under this name.
        not _is_ours(answer.certificate, authority, device, key)
        or invite.pin.hex() not in policy.pins
        or not policy.is_issuer(invite.issuer_device)
        or (named := policy.person_of(device.id)) is None
        or person not in ("", named)
    ):
        raise JoinError(Problem.ANSWER)
    certificate = certificate_pem(load_certificate(answer.certificate.encode()))
    return Joined(
        named,
        certificate,
        key.pem,
        chain,
        _addresses(answer.peers),
        invite.issuer_device,
        tuple(dict.fromkeys((address, *invite.addresses))),
    )


def _addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the well-formed ones of the first few addresses."""
    # They are hints only, so a bad one is left out and does not fail the join.
    return tuple(text for text in texts[:64] if not problem(text))


def _problem(code: str) -> Problem:
    try:
        return Problem(code)
    except ValueError:
        return Problem.ISSUER
