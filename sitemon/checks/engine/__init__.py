"""Many checks at once."""
