"""The reason for a failed dial, in words.

nng says only "cryptographic error", so one plain TLS look at the peer's certificate finds it. No
certificate of ours is shown, so nothing secret is read here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime

from cryptography import x509

from devstream_desktop.address import split
from devstream_desktop.mesh.transport.link import SERVER_NAME, Credentials

PROBE_S = 4.0
"""Time for the look.

It happens once for each refused dial, and those back off.
"""

# X509_V_ERR_* of OpenSSL (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/).
_NOT_YET_VALID, _EXPIRED, _HOSTNAME = 9, 10, 62
_UNKNOWN_ISSUER = (2, 7, 18, 19, 20, 21)

NO_NODE = "what listens there is not a devstream node"
REJECTED = "it rejected this device: it does not know it (yet), or this device was revoked"
NOT_BELIEVED = (
    "it is of this team but does not accept this device's certificate: its clock is wrong, or this"
    " device is of an older team of that name"
)
HUNG_UP = (
    "it hung up while greeting: it has no certificate that it may show, or it is no devstream node"
)


async def why(address: str, credentials: Credentials, *, reached: bool) -> str:
    """Return a sentence on why an IP literal cannot be reached.

    `reached`: both had shown their certificates before it hung up, so it was the peer's gate and
    not TLS.
    """
    host, port = split(address)
    # The fault may be ours, which the peer cannot tell.
    own = own_certificate_fault(credentials)
    if own:
        return own
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=credentials.ca_pem)
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=SERVER_NAME
            )
    except ssl.SSLCertVerificationError as error:
        return _reason(error)
    except ssl.SSLError:
        return NO_NODE
    except ConnectionRefusedError:
        return "nothing listens there: is the node running, and is the port right?"
    except TimeoutError:
        return "no answer: the host is off, asleep, or a firewall is in between"
    except ConnectionError:
        return HUNG_UP
    except OSError as error:
        return f"it cannot be reached: {error.strerror or error}"
    writer.close()
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        async with asyncio.timeout(PROBE_S):
            await writer.wait_closed()
    return REJECTED if reached else NOT_BELIEVED


def own_certificate_fault(credentials: Credentials) -> str:
    """Return the fault of this device's own certificate; empty for none.

    By this device's own clock.
    """
    certificate = x509.load_pem_x509_certificate(credentials.certificate_pem.encode())
    now = datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        day = certificate.not_valid_after_utc.date().isoformat()
        advice = "ask the issuer for a new one, or set this clock right"
        return f"this device's certificate expired on {day}: {advice}"
    if now < certificate.not_valid_before_utc:
        return "this device's certificate is not valid yet: this clock is behind; set it right"
    return ""


def _reason(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _UNKNOWN_ISSUER:
        return "it belongs to another team"
    if error.verify_code == _EXPIRED:
        return "its certificate has expired, or this clock is ahead"
    if error.verify_code == _NOT_YET_VALID:
        return "its certificate is not valid yet: its clock or this one is wrong"
    if error.verify_code == _HOSTNAME:
        return "its certificate is not one of a devstream node"
    return f"its certificate is not accepted: {error.verify_message}"
