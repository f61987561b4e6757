"""TLS: the certificates that a server sent, and the words for a failure."""

import _ssl
import re
import ssl
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from sitemon.checks.errors import CheckError
from sitemon.kept import kept
from sitemon.model.outcome import Reason
from sitemon.model.result import Certificate

_HAS_EXPIRED: Final = 10
# OpenSSL's X509_V_ERR_… numbers, x509_vfy.h.
_BY_VERIFY_CODE: Final = {
    9: "the certificate is not valid yet",
    _HAS_EXPIRED: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the certificate's chain ends in a CA that is not trusted",
    20: "the certificate's issuer is not known: a private CA, or the server does not send an intermediate",
    21: "the certificate's issuer is not known: a private CA, or the server does not send an intermediate",
    62: "the certificate is for another host name",
    64: "the certificate is not for this IP address",
}
_BY_OPENSSL_REASON: Final = {
    "DH_KEY_TOO_SMALL": "the server's key is too weak",
    "EE_KEY_TOO_SMALL": "the certificate's key is too weak",
    "HTTP_REQUEST": "the server does not speak TLS on this port",
    "NO_PROTOCOLS_AVAILABLE": "the server offers no TLS version from 1.2 on",
    "PACKET_LENGTH_TOO_LONG": "the server does not speak TLS on this port",
    "RECORD_LAYER_FAILURE": "the server does not speak TLS on this port",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server refuses our client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the server refuses our client certificate: it has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the server refuses our client certificate: it is revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server refuses our client certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refuses: no cipher in common, or it demands a client certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the server refuses our client certificate: not of a kind that it takes",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server demands a client certificate",
    "TLSV1_ALERT_ACCESS_DENIED": "the server refuses our client certificate: access is denied",
    "TLSV1_ALERT_DECRYPT_ERROR": "the server refuses our client certificate: its signature is wrong",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the server does not speak HTTP/1.1 on this port",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server offers no TLS version from 1.2 on",
    "TLSV1_ALERT_UNKNOWN_CA": "the server refuses our client certificate: it does not know the CA",
    "TLSV1_UNRECOGNIZED_NAME": "the server does not know this host name",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "the server cannot renegotiate safely (RFC 5746), which OpenSSL demands",
    "UNSUPPORTED_PROTOCOL": "the server offers no TLS version from 1.2 on",
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port",
}

_MOST_KEPT_BYTES: Final = 8 << 20
"""The same few certificates come back with every check, and to parse one costs more than to compare its bytes."""

_NAMELESS: Final = re.compile(r"\[SSL\] ([a-z0-9 ]+) \(_ssl\.c:\d+\)")


def served_chain(connection: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates that the server sent, DER-encoded, its own first; none if it did not come to that.

    They are there also when they were not verified, or failed to be.
    """
    if sys.version_info >= (3, 13):
        return tuple(connection.get_unverified_chain())
    inner: Any = connection._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - before 3.13 only this one has them
    return tuple(certificate.public_bytes(_ssl.ENCODING_DER) for certificate in inner.get_unverified_chain() or ())


def certificate_of(certificate: bytes) -> Certificate | None:
    """Read a DER-encoded certificate; None if it cannot be read."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        subject, issuer = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
        begins_at, expires_at = parsed.not_valid_before_utc, parsed.not_valid_after_utc
        return Certificate(subject=subject, issuer=issuer, begins_at=begins_at, expires_at=expires_at)
    except Exception:  # noqa: BLE001 - it is a stranger's; InvalidVersion, for one, is no ValueError
        return None


@kept(_MOST_KEPT_BYTES)
def expiry_of(certificate: bytes) -> datetime | None:
    """Return when a DER-encoded certificate expires; None if it cannot be read."""
    try:
        return x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except Exception:  # noqa: BLE001 - it is a stranger's; InvalidVersion, for one, is no ValueError
        return None


def earliest_expiry(chain: Sequence[bytes]) -> datetime | None:
    """Return when the first of these certificates expires, or None if there is none."""
    if not chain:
        return None
    return min((expiry for certificate in chain if (expiry := expiry_of(certificate))), default=None)


def _reason_in(message: str) -> str | None:
    """Return OpenSSL's reason where Python has no name for it: it is younger than Python's list of them."""
    found = _NAMELESS.fullmatch(message)
    return found[1].upper().replace(" ", "_") if found else None


def bad_certificate(error: ssl.SSLCertVerificationError, chain: Sequence[bytes], now: datetime) -> CheckError:
    """Return why the certificates that a server sent are not valid.

    OpenSSL does not tell Python which of them has expired: the server's own, another, or the CA's, which we have.
    """
    words = words_of_tls_error(error)
    if error.verify_code != _HAS_EXPIRED:
        return CheckError(Reason.TLS_ERROR, words)
    own, *others = [certificate_of(one) for one in chain]
    if own is None or own.expires_at <= now:
        return CheckError(Reason.TLS_ERROR, words)
    expired = next((one for one in others if one is not None and one.expires_at <= now), None)
    if expired is None:
        return CheckError(Reason.TLS_ERROR, "the certificate of the CA that signed the server's has expired")
    return CheckError(Reason.TLS_ERROR, "an intermediate certificate has expired", expired.subject)


def words_of_tls_error(error: ssl.SSLError) -> str:
    """Say in an operator's words why TLS failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = getattr(error, "verify_message", "verification failed")
        return _BY_VERIFY_CODE.get(getattr(error, "verify_code", 0), f"the certificate is not valid: {message}")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the server closed the TLS connection"
    reason = getattr(error, "reason", None) or _reason_in(str(error))
    if not reason:
        return "TLS failed"
    return _BY_OPENSSL_REASON.get(reason, f"TLS failed: {reason.replace('_', ' ').lower()}")
