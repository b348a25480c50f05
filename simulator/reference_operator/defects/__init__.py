"""Mistakes that operators make, each one a switch. The package imports them all, which fills the registry."""
