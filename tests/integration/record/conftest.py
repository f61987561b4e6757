"""Fixtures: databases for these tests."""

from tests.databases import conn, names, owner, template

__all__ = ["conn", "names", "owner", "template"]
