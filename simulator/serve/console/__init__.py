"""The console at `/` and the control API below `/_sim/`: what people and machines see and do of a server.

The BetronTech API is `api`'s, the game `play`'s. What is shown comes from `delivery`'s journal.
"""
