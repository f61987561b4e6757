"""From rows to people: what is decided goes into the outbox, and from there to the channels."""
