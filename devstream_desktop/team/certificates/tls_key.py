"""Private keys of certificates."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from devstream_desktop.team.certificates.reading import CertificateError, load_certificate, reading


@dataclass(frozen=True)
class TlsKey:
    """A fresh P-256 key for one certificate."""

    pem: str

    @classmethod
    def generate(cls) -> TlsKey:
        """Return a new key."""
        return cls(key_pem(ec.generate_private_key(ec.SECP256R1())))

    def request(self) -> bytes:
        """Return a bare signing request (DER).

        An empty subject and no extension, since the issuer decides both.
        """
        key = serialization.load_pem_private_key(self.pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError("a TLS key is a P-256 key")
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def fits(self, pem: str) -> bool:
        """Return true when the certificate `pem` is for this key.

        Raises:
            CertificateError: it is none.

        """
        key = serialization.load_pem_private_key(self.pem.encode(), password=None)
        return key.public_key() == load_certificate(pem.encode()).public_key()


def load_key(pem: bytes) -> object:
    """Return the private key in PEM, of any sort.

    Raises:
        CertificateError: it is none.

    """
    with reading("a key"):
        return serialization.load_pem_private_key(pem, password=None)


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the PEM text (PKCS #8, in clear) of a key.

    It is for memory and the vault, never for a file.
    """
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
