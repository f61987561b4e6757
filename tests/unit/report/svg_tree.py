"""SVG of ours as a tree, for tests."""

from xml.etree import ElementTree as ET


def tree(svg: str) -> ET.Element:
    """Return a picture's root."""
    return ET.fromstring(svg)  # noqa: S314 - our own


def paths(svg: str) -> dict[str, str]:
    """Return the commands of its paths by their classes."""
    return {path.attrib["class"]: path.attrib["d"] for path in tree(svg)}
