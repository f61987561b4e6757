"""A certificate authority for sites on loopback, and certificates near their end."""

import ipaddress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sitemon.local.ports import LOOPBACK

_BEFORE = timedelta(days=60)


class Authority:
    """A certificate authority made for one folder: its certificate is ``ca.pem`` there, its key is kept nowhere."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sitemon sample CA")])
        self.file = folder / "ca.pem"
        usage = x509.KeyUsage(
            key_cert_sign=True,
            crl_sign=True,
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = self._signed(
            self._builder(self._name, self._key, expires_at=now + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        self.file.write_bytes(certificate)

    def issue(self, name: str, *, expires_at: datetime) -> Path:
        """Make a certificate for 127.0.0.1 and localhost; return the PEM file with it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        addresses = [x509.IPAddress(ipaddress.ip_address(LOOPBACK)), x509.DNSName("localhost")]
        certificate = self._signed(
            self._builder(subject, key, expires_at=expires_at)
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        file = self._folder / f"{name}.pem"
        file.touch(mode=0o600)
        file.write_bytes(_pem(key) + certificate)
        return file

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, expires_at: datetime
    ) -> x509.CertificateBuilder:
        """Return what every certificate has; the key identifiers are what OpenSSL's strict mode asks for (RFC 5280)."""
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _BEFORE)
            .not_valid_after(expires_at)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
