"""When a site is down: rows in the order of their slots into incidents. Pure."""
