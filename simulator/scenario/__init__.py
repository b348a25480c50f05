"""Scenarios: read YAML files into typed steps, turn steps into calls, and follow them in a dry run."""
