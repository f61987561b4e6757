"""Certificates as good or as bad as one needs them: authorities, intermediates, and leaves for any host and time."""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Signer(NamedTuple):
    """A certificate and the key to sign others with it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def new_authority(name: str, *, begins_at: datetime, ends_at: datetime, issuer: Signer | None = None) -> Signer:
    """Make a root, or an intermediate if there is an issuer."""
    return _signed(name, issuer, is_ca=True, hosts=(), begins_at=begins_at, ends_at=ends_at)


def new_leaf(issuer: Signer | None, *, hosts: Sequence[str], begins_at: datetime, ends_at: datetime) -> Signer:
    """Make a server's certificate; without issuer it signs itself."""
    return _signed("leaf", issuer, is_ca=False, hosts=hosts, begins_at=begins_at, ends_at=ends_at)


def server_context(folder: Path, leaf: Signer, *chain: Signer) -> ssl.SSLContext:
    """Return a server's context that sends the leaf and the rest of the chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_chain(folder, leaf, *chain))
    return context


def write_chain(folder: Path, leaf: Signer, *chain: Signer) -> Path:
    """Write the leaf's key, the leaf and the rest of the chain into a PEM file."""
    file = folder / f"{leaf.certificate.serial_number}.pem"
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(key + leaf.pem + b"".join(signer.pem for signer in chain))
    return file


def _signed(
    name: str, issuer: Signer | None, *, is_ca: bool, hosts: Sequence[str], begins_at: datetime, ends_at: datetime
) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins_at)
        .not_valid_after(ends_at)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return Signer(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
