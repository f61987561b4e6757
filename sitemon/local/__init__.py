"""The local stack: real servers from packages alone, sample sites to watch, and the demo that joins them."""
