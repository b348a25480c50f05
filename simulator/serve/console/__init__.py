"""The console at `/` for people, and the control API below `/_sim/` for machines."""
