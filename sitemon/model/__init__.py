"""The words of sitemon: site, slot, result, outcome, reason, and the errors. Pure."""
