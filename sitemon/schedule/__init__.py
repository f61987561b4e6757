"""The schedule: which slots there are, who sends them, and what is done about those nobody sent in time."""
