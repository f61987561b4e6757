"""To a server: names, addresses, connections, TLS."""
