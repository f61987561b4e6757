"""The commands: thin. Each parses, calls one thing and prints what came of it."""
