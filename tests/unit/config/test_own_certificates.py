"""Keys of our certificates: which OpenSSL is given, and which it never sees."""

import base64
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sitemon.clock import thread_cpu_s
from sitemon.config import chosen_files, own_certificates
from tests.integration.checks.certificates import IN_A_YEAR, YESTERDAY

Usual = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

RSA, DSA, DH = (bytes.fromhex(name) for name in ("2a864886f70d010101", "2a8648ce380401", "2a864886f70d010301"))


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content).to_bytes(4, "big")
    return bytes((tag, 0x84)) + length + content


def number(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def long_number(bits: int) -> bytes:
    return number(secrets.randbits(bits) | 1 << bits - 1 | 1)


def pem(label: str, content: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(content).decode()}-----END {label}-----\n".encode()


def rsa_without_primes(modulus: bytes, exponent: bytes) -> bytes:
    return der(0x30, number(0), modulus, number(65537), exponent, *[number(0)] * 5)


def pkcs8(name: bytes, parameters: bytes, key: bytes) -> bytes:
    return der(0x30, number(0), der(0x30, der(6, name), parameters), der(4, key))


def write_own(folder: Path, key: bytes, public: CertificatePublicKeyTypes) -> tuple[str, str]:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "me")])
    builder = x509.CertificateBuilder(name, name, public, 1, YESTERDAY, IN_A_YEAR)
    certificate = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    (folder / "me.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "me.key").write_bytes(key)
    return str(folder / "me.pem"), str(folder / "me.key")


def load(files: tuple[str, str]) -> None:
    own_certificates.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), *files)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate,
        ed448.Ed448PrivateKey.generate,
    ],
)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_the_usual_keys_are_taken(tmp_path: Path, make: Callable[[], Usual], form: PrivateFormat) -> None:
    key = make()
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        form = PrivateFormat.PKCS8  # the only one that they have
    before = b"# the key\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    text = key.private_bytes(Encoding.PEM, form, NoEncryption()).replace(b"\n", b"\r\n")
    load(write_own(tmp_path, before + text, key.public_key()))


def test_an_rsa_key_may_have_4096_bits(tmp_path: Path) -> None:
    modulus = secrets.randbits(4096) | 1 << 4095 | 1
    key = pem("PRIVATE KEY", pkcs8(RSA, der(5), rsa_without_primes(number(modulus), long_number(4096))))
    load(write_own(tmp_path, key, rsa.RSAPublicNumbers(65537, modulus).public_key()))


LONG = long_number(9_000)
DSA_PARAMETERS = der(0x30, long_number(16_000), long_number(15_990), long_number(15_990))
REFUSED = {
    "DSA": pem("PRIVATE KEY", pkcs8(DSA, DSA_PARAMETERS, long_number(8_000))),
    "DSA, short": pem("PRIVATE KEY", pkcs8(DSA, der(0x30, *[long_number(1024)] * 3), long_number(160))),
    "DSA, its own form": pem("DSA PRIVATE KEY", der(0x30, number(0), *[long_number(1024)] * 5)),
    "DH": pem("PRIVATE KEY", pkcs8(DH, der(0x30, long_number(2048), number(2)), long_number(256))),
    "DSA, called EC": pem("EC PRIVATE KEY", pkcs8(DSA, der(0x30, *[long_number(1024)] * 3), long_number(160))),
    "RSA, long": pem("RSA PRIVATE KEY", rsa_without_primes(long_number(16_384), long_number(16_384))),
    "RSA, modulus": pem("RSA PRIVATE KEY", rsa_without_primes(long_number(4104), long_number(4096))),
    "RSA, exponent": pem("PRIVATE KEY", pkcs8(RSA, der(5), rsa_without_primes(long_number(4096), long_number(9_000)))),
    "no end": pem("PRIVATE KEY", b"\x30\x80" + number(0) + der(0x30, der(6, DSA)) + der(4, LONG) + b"\0\0"),
    "of no kind": pem("PRIVATE KEY", der(0x30, number(0), der(0x30), der(4, LONG))),
    "cut": pem("PRIVATE KEY", b"\x30"),
    "not base64": b"-----BEGIN PRIVATE KEY-----\nMIIE-----END PRIVATE KEY-----\n",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_key_for_which_openssl_computes_for_long_is_refused_before(tmp_path: Path, kind: str) -> None:
    files = write_own(tmp_path, REFUSED[kind], rsa.RSAPublicNumbers(65537, 1 << 2047 | 1).public_key())
    began_s = thread_cpu_s()
    with pytest.raises(chosen_files.UnfitKeyError, match=r"neither RSA of at most 4,096 bits, nor EC"):
        load(files)
    assert thread_cpu_s() - began_s < 0.05
