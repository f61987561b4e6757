"""Reading a body as text."""

import codecs
import encodings
import encodings.aliases
import functools
import pkgutil
import re
from typing import Final

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)
_LONGEST_TYPE: Final = 200
"""Those that were seen are kept."""
# Python has codecs that are no charset of the web; some of them take quadratic time, or a second for 1 MiB, or warn.
_NO_CHARSETS: Final = frozenset(
    (
        *("charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"),
        *("utf-7", "utf-32", "utf-32-be", "utf-32-le"),
    )
)
_CODECS: Final = frozenset(encodings.aliases.aliases) | {
    module.name for module in pkgutil.iter_modules(encodings.__path__)
}
"""Python keeps for ever that it does not know a name, and what it does know under each way to write it."""


def decoded(body: bytes, content_type: str) -> str:
    """Decode a body by the charset of its Content-Type, else as UTF-8; what does not decode becomes U+FFFD.

    The charset is never guessed from the body: that costs more than the check, and guesses wrong.
    """
    return body.decode(charset_of(content_type), errors="replace")


def charset_of(content_type: str) -> str:
    """Return Python's name of the charset that a body of this Content-Type is decoded by."""
    return _charset_of(content_type[:_LONGEST_TYPE])


@functools.lru_cache(maxsize=1024)
def _charset_of(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    asked = encodings.normalize_encoding(found[1]).lower() if found else "utf_8"
    if asked not in _CODECS:
        return "utf-8"
    try:
        name = codecs.lookup(asked).name
        b"a".decode(name, "replace")  # a LookupError says that it is a codec of something else than text
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NO_CHARSETS else name
