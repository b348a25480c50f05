"""The game behind game_url: a slot to be played in a browser, and beside it the panel for developers.

What a spin pays is `core.outcomes`', what is sent to the wallet because of it delivery's.
"""
