from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.team.certificates import (
    PEER_NAME,
    Authority,
    CertificateError,
    TlsKey,
    certificate_der,
    certificate_pem,
    check_authority,
    common_name,
    expiry_ms,
    key_pem,
    load_certificate,
    pin,
)

NOW = 1_800_000_000_000
DEVICE = DeviceKey.from_seed(bytes(32)).id


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(NOW)


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *, greedy: bool = False) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x"),
            ]
            if greedy
            else []
        )
    )
    if greedy:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=3), critical=True
        ).add_extension(
            x509.SubjectAlternativeName([x509.DNSName("other.example")]), critical=False
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_leaf_says_the_device_and_nothing_that_was_asked_for(authority: Authority) -> None:
    pem = authority.issue(
        DEVICE, request(ec.generate_private_key(ec.SECP256R1()), greedy=True), NOW
    )
    leaf = load_certificate(pem.encode())
    assert common_name(pem) == DEVICE
    assert leaf.subject.rfc4514_string() == f"CN={DEVICE}"
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.value.ca, constraints.critical) == (False, True)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [DEVICE, PEER_NAME]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    leaf.verify_directly_issued_by(authority.certificate)


def test_a_leaf_lasts_thirty_days_and_is_valid_to_whose_clock_is_behind(
    authority: Authority,
) -> None:
    pem = authority.issue(DEVICE, TlsKey.generate().request(), NOW)
    assert expiry_ms(pem) == NOW + 30 * 86_400_000
    began = load_certificate(pem.encode()).not_valid_before_utc
    assert dt.datetime.fromtimestamp(NOW / 1000, dt.UTC) - began == dt.timedelta(days=366)


def test_the_authority_may_sign_leafs_only_and_has_no_telling_name(authority: Authority) -> None:
    constraints = authority.certificate.extensions.get_extension_for_class(
        x509.BasicConstraints
    ).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    name = authority.certificate.subject.rfc4514_string()
    assert name.startswith("CN=ds-")
    assert len(name) == len("CN=ds-") + 8
    assert authority.pin == pin(authority.der)
    assert Authority.create(NOW).pin != authority.pin


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"not a request",
        request(rsa.generate_private_key(65537, 2048)),
        request(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["empty", "garbage", "rsa", "p384"],
)
def test_only_a_p256_request_is_signed(authority: Authority, der: bytes) -> None:
    with pytest.raises(CertificateError):
        authority.issue(DEVICE, der, NOW)


def test_a_request_for_another_ones_key_is_refused(authority: Authority) -> None:
    der = bytearray(TlsKey.generate().request())
    der[-1] ^= 1
    with pytest.raises(CertificateError):
        authority.issue(DEVICE, bytes(der), NOW)


def test_authority_comes_back_from_its_pem_and_not_with_another_key(authority: Authority) -> None:
    pem = certificate_pem(authority.certificate)
    assert Authority.load(pem, key_pem(authority.key).encode()).pin == authority.pin
    other = key_pem(ec.generate_private_key(ec.SECP256R1())).encode()
    with pytest.raises(CertificateError, match="not the key of the CA"):
        Authority.load(pem, other)
    with pytest.raises(CertificateError):
        Authority.load(pem, b"garbage")


def test_a_key_knows_its_certificate(authority: Authority) -> None:
    key = TlsKey.generate()
    assert key.fits(authority.issue(DEVICE, key.request(), NOW))
    assert not TlsKey.generate().fits(authority.issue(DEVICE, key.request(), NOW))


def test_a_request_of_a_version_that_there_is_not_is_none(authority: Authority) -> None:
    der = request(ec.generate_private_key(ec.SECP256R1()))
    odd = der.replace(b"\x02\x01\x00", b"\x02\x01\x02", 1)
    assert odd != der
    with pytest.raises(CertificateError, match="not a signing request"):
        authority.issue(DEVICE, odd, NOW)


def test_a_certificate_is_read_whole_or_not_at_all(authority: Authority) -> None:
    der = authority.der
    point = der.index(b"\x03\x42\x00\x04") + 4
    for spoilt in (
        der[:point] + bytes(64) + der[point + 64 :],
        der + bytes(9000),
        der[:-1],
        b"",
        b"-----BEGIN CERTIFICATE-----\n",
    ):
        with pytest.raises(CertificateError, match="not a certificate"):
            load_certificate(spoilt)


def test_an_authority_is_written_as_every_version_writes_it(authority: Authority) -> None:
    check_authority(authority.der)
    der = authority.der
    inner = der.index(bytes.fromhex("06082a8648ce3d040302")) + 9
    for spoilt in (
        der[:inner] + b"\x03" + der[inner + 1 :],
        der[:-1] + bytes([der[-1] ^ 1]),
        certificate_der(authority.issue(DEVICE, TlsKey.generate().request(), NOW)),
    ):
        with pytest.raises(CertificateError, match="not"):
            check_authority(spoilt)
