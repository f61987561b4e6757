"""SVG as PNG, by resvg, which is an extra."""

from sitemon.model.errors import FatalError

_PAPER = "#ffffff"
_ZOOM = 2.0


def png_of(svg: str) -> bytes:
    """Return an image of twice the size, on white.

    Raises:
        FatalError: the extra is not installed.

    """
    try:
        import resvg_py  # noqa: PLC0415 - an extra
    except ImportError as exc:
        raise FatalError("PNG needs one more package: pip install 'sitemon[png]'") from exc
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, background=_PAPER, zoom=_ZOOM))
