"""HTTP/1.1, written and read by us, on a connection that stands."""
