"""Patterns of users: RE2 and JSON paths, compiled once."""
