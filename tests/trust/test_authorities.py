"""An authority in a policy that TLS cannot use.

Refused with its policy, because the bundle of every node would be none.
"""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from devstream_desktop.mesh.transport.link import Credentials, LinkError, tls_config
from devstream_desktop.team import genesis
from devstream_desktop.team.certificates import bundle, certificate_pem
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.documents import Signed

NOW = 1_790_000_000_000
P256 = ec.generate_private_key(ec.SECP256R1())
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def authority(
    key=P256, extension: x509.ExtensionType | None = None, *, critical: bool = False, signer=None
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ds-other")])
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    if extension is not None:
        builder = builder.add_extension(extension, critical=critical)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer or key, algorithm).public_bytes(serialization.Encoding.DER)


FATAL = {
    "Ed25519": authority(ed25519.Ed25519PrivateKey.generate()),
    "an unknown critical extension": authority(extension=UNKNOWN, critical=True),
    "a policy": authority(
        extension=x509.CertificatePolicies(
            [x509.PolicyInformation(ObjectIdentifier("1.2.3"), None)]
        ),
        critical=True,
    ),
    "name constraints": authority(
        extension=x509.NameConstraints([x509.DNSName("a")], None), critical=True
    ),
}
OTHER = {
    "RSA": authority(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "P-521": authority(ec.generate_private_key(ec.SECP521R1())),
    "an unknown extension": authority(extension=UNKNOWN),
    "signed by another": authority(signer=ec.generate_private_key(ec.SECP256R1())),
    "no certificate": b"\x30\x80" * 300,
}


@pytest.fixture(scope="module")
def founder():
    return genesis.found("acme", "ana", solo=False, now_ms=NOW)


@pytest.mark.parametrize("what", FATAL)
def test_one_authority_that_tls_cannot_use_spoils_the_bundle(founder, what) -> None:
    pems = bundle(founder.chain.current) + certificate_pem(
        x509.load_der_x509_certificate(FATAL[what])
    )
    with pytest.raises(LinkError, match="cannot be used"):
        tls_config(Credentials(pems, founder.certificate_pem, founder.tls_key_pem), server=True)


@pytest.mark.parametrize("what", [*FATAL, *OTHER])
def test_no_policy_can_name_one(founder, what) -> None:
    chain, key = founder.chain.copy(), founder.device
    issuer = msgspec.structs.replace(
        chain.current.issuers[key.id], certificate=(FATAL | OTHER)[what]
    )
    changed = chain.successor(
        msgspec.structs.replace(chain.current, issuers={key.id: issuer}), NOW + 1
    )
    with pytest.raises(PolicyError, match="certificate authority"):
        Signed.make(changed, [key])
    payload = msgspec.json.encode(changed)
    document = msgspec.msgpack.encode(
        [1, payload, [[key.id, key.sign(b"devstream/policy/1\0" + payload)]]]
    )
    with pytest.raises(PolicyError, match="certificate authority"):
        chain.absorb([document])
    assert chain.current.version == 1


def test_the_authorities_that_devstream_makes_are_taken(founder) -> None:
    chain, key = founder.chain.copy(), founder.device
    chain.absorb([Signed.make(chain.successor(chain.current, NOW + 1), [key]).document])
    assert chain.current.version == 2
    tls_config(
        Credentials(bundle(chain.current), founder.certificate_pem, founder.tls_key_pem),
        server=True,
    )
