"""What reads bytes of others, fed with bytes that coverage leads (atheris): ``make fuzz MINUTES=5``."""
