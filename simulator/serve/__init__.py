"""Running the app: gunicorn with one worker of threads, its logs, its start and its clean stop.

One worker always: state lives in its memory, and a second one would have another state.
"""
