"""Certificates for servers on loopback: a CA, and leaves as good or as bad as a test needs them."""

import ipaddress
import math
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sitemon.clock import utc_now
from sitemon.local import chains
from sitemon.local.chains import Signer, server_context, write_chain

__all__ = [
    "IN_A_MONTH",
    "IN_A_YEAR",
    "NOW",
    "YESTERDAY",
    "Signer",
    "dear_chain",
    "new_authority",
    "new_leaf",
    "server_context",
    "write_chain",
]

NOW = utc_now().replace(microsecond=0)
YESTERDAY = NOW - timedelta(days=1)
DEAR_CURVE = Path(__file__).parent / "testdata" / "dear_curve.pem"
"""A key that is a point in compressed form, on a curve over a prime p = k · 2^600 + 1: its square roots take 0.1 s."""
IN_A_MONTH = NOW + timedelta(days=30)
IN_A_YEAR = NOW + timedelta(days=365)


def new_authority(name: str, *, issuer: Signer | None = None, ends_at: datetime = IN_A_YEAR) -> Signer:
    """Make a root, or an intermediate if there is an issuer."""
    return chains.new_authority(name, issuer=issuer, begins_at=NOW - timedelta(days=365), ends_at=ends_at)


def new_leaf(
    issuer: Signer | None,
    *,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    begins_at: datetime = NOW - timedelta(days=30),
    ends_at: datetime = IN_A_YEAR,
) -> Signer:
    """Make a server's certificate; without issuer it signs itself."""
    return chains.new_leaf(issuer, hosts=hosts, begins_at=begins_at, ends_at=ends_at)


def dear_chain(folder: Path, length: int) -> tuple[Path, Path]:
    """Write a root, and a server's key and chain of that many certificates, each of which takes long to verify.

    The exponent of their keys is as long as the modulus, and that as long as OpenSSL takes it with such an exponent.
    """
    key, own = _dear_key(), ec.generate_private_key(ec.SECP256R1())
    authorities = [_dear(str(n), str(max(n - 1, 0)), key, key.public_key(), is_ca=True) for n in range(length)]
    leaf = _dear("leaf", str(length - 1), key, own.public_key(), is_ca=False)
    root, server = folder / "dear_root.pem", folder / "dear_server.pem"
    root.write_bytes(authorities[0])
    pem_of_key = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server.write_bytes(pem_of_key + leaf + b"".join(reversed(authorities[1:])))
    return root, server


def _dear_key() -> rsa.RSAPrivateKey:
    numbers = rsa.generate_private_key(65537, 3072).private_numbers()
    p, q = numbers.p, numbers.q
    modulus, order = p * q, (p - 1) * (q - 1)
    exponent = 0
    while math.gcd(exponent, order) != 1:
        exponent = secrets.randbits(3070) | 1 << 3070 | 1
    secret = pow(exponent, -1, order)
    public = rsa.RSAPublicNumbers(exponent, modulus)
    own = rsa.RSAPrivateNumbers(p, q, secret, secret % (p - 1), secret % (q - 1), pow(q, -1, p), public)
    return own.private_key(unsafe_skip_rsa_key_validation=True)


def _dear(
    name: str, issuer: str, key: rsa.RSAPrivateKey, own: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, *, is_ca: bool
) -> bytes:
    subject, issued_by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issued_by)
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(IN_A_YEAR)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if not is_ca:
        home = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([home]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
