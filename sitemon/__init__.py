"""sitemon: a monitor for web sites on Celery, Kafka and PostgreSQL.

`check` makes one check from Python, without any server; `__version__` is the installed version. Both are loaded when
they are first asked for, so that ``import sitemon`` costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sitemon.checks.once import check

    __version__: str

__all__ = ["__version__", "check"]


def __getattr__(name: str) -> object:
    if name == "check":
        from sitemon.checks.once import check  # noqa: PLC0415 - see above

        return check
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - see above

        return version("sitemon")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
