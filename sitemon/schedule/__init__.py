"""The schedule: which slots there are, which beat sends them, and what it says of them beforehand."""
