"""The server: the BetronTech API, the games, the console, and the delivery of their webhooks.

There is always one gunicorn worker with threads: its memory holds state that a second one would not share.
"""
