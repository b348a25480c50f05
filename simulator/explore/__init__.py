"""Exploration: sessions that a machine makes up, run and judged like scenarios, and shrunk to a few steps."""
