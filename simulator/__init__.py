"""The BetronTech simulator: its API and games offline, and scenarios that judge an operator's wallet."""

# A constant, because importlib.metadata costs milliseconds at every start; a test holds it to pyproject.toml.
__version__ = "0.1.0"
