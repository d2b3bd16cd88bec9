"""The team's certificates: who a device is, for TLS. What it may do is the policy's word alone.

P-256, because nng's Mbed TLS does not load Ed25519 certificates. Each issuer has an authority (CA)
of its own, and the policy names them all: so a second issuer needs no key of the first, an issuer's
authority is believed by nobody from the moment its device is revoked, and a new authority beside
the old one is no event of its own. An authority issues leafs only (path length 0). A leaf is built
by the issuer from nothing but the key of a signing request: its subject is the device id and
nothing else, and a member cannot ask for an odd extension. It names two hosts, the device id
(checked when joining) and one constant, which peers dial, so that the clear text of a handshake
tells nobody apart.
"""

from devstream_desktop.team.certificates.authority import (
    PEER_NAME,
    Authority,
    check_authority,
    new_issuer,
)
from devstream_desktop.team.certificates.reading import (
    PIN_BYTES,
    CertificateError,
    certificate_der,
    certificate_pem,
    common_name,
    expiry_ms,
    is_for,
    is_issued_by,
    load_certificate,
    pin,
)
from devstream_desktop.team.certificates.tls_key import TlsKey, key_pem
from devstream_desktop.team.certificates.trust import RENEW_MS, bundle, is_trusted, stopgap

__all__ = [
    "PEER_NAME",
    "PIN_BYTES",
    "RENEW_MS",
    "Authority",
    "CertificateError",
    "TlsKey",
    "bundle",
    "certificate_der",
    "certificate_pem",
    "check_authority",
    "common_name",
    "expiry_ms",
    "is_for",
    "is_issued_by",
    "is_trusted",
    "key_pem",
    "load_certificate",
    "new_issuer",
    "pin",
    "stopgap",
]
