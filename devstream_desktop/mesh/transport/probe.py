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
from devstream_desktop.control.node_words import (
    LINK_ANOTHER_TEAM,
    LINK_CERTIFICATE,
    LINK_EARLY,
    LINK_EXPIRED,
    LINK_HUNG_UP,
    LINK_NO_NODE,
    LINK_NO_NODE_CERTIFICATE,
    LINK_NOT_BELIEVED,
    LINK_OWN_EARLY,
    LINK_OWN_EXPIRED,
    LINK_REFUSED,
    LINK_REJECTED,
    LINK_SILENT,
    LINK_UNREACHED,
)
from devstream_desktop.mesh.transport.link import SERVER_NAME, Credentials

PROBE_S = 4.0
"""Time for the look.

It happens once for each refused dial, and those back off.
"""

# X509_V_ERR_* of OpenSSL (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/).
_NOT_YET_VALID, _EXPIRED, _HOSTNAME = 9, 10, 62
_UNKNOWN_ISSUER = (2, 7, 18, 19, 20, 21)


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
        return LINK_NO_NODE
    except ConnectionRefusedError:
        return LINK_REFUSED
    except TimeoutError:
        return LINK_SILENT
    except ConnectionError:
        return LINK_HUNG_UP
    except OSError as error:
        return LINK_UNREACHED.format(reason=error.strerror or error)
    writer.close()
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        async with asyncio.timeout(PROBE_S):
            await writer.wait_closed()
    return LINK_REJECTED if reached else LINK_NOT_BELIEVED


def own_certificate_fault(credentials: Credentials) -> str:
    """Return the fault of this device's own certificate; empty for none.

    By this device's own clock.
    """
    certificate = x509.load_pem_x509_certificate(credentials.certificate_pem.encode())
    now = datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        day = certificate.not_valid_after_utc.date().isoformat()
        return LINK_OWN_EXPIRED.format(day=day)
    if now < certificate.not_valid_before_utc:
        return LINK_OWN_EARLY
    return ""


def _reason(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _UNKNOWN_ISSUER:
        return LINK_ANOTHER_TEAM
    if error.verify_code == _EXPIRED:
        return LINK_EXPIRED
    if error.verify_code == _NOT_YET_VALID:
        return LINK_EARLY
    if error.verify_code == _HOSTNAME:
        return LINK_NO_NODE_CERTIFICATE
    return LINK_CERTIFICATE.format(reason=error.verify_message)
