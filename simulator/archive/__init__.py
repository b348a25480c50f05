"""Recorded calls in files of any length: opened, divided by player, and judged by several processes."""
