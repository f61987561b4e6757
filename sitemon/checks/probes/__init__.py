"""One visit to a site, by the scheme of its URL."""
