"""Tables and lines for people: what a terminal shows of sites, checks, letters, the ledger. Pure."""
