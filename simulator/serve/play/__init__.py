"""The game behind a game URL: a slot in the browser, with a panel for developers beside it."""
