"""The secret that signs access tokens and game URLs, kept with the data, so that both survive a restart."""

from __future__ import annotations

import os
from pathlib import Path

from simulator.errors import UsageError

FILE_NAME = "server.key"
SECRET_BYTES = 32


def kept_secret(folder: Path) -> bytes:
    """The folder's secret, drawn at the first time; UsageError where the folder cannot be used."""
    file = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            secret = file.read_bytes()
        else:
            secret = os.urandom(SECRET_BYTES)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(secret)
    except OSError as error:
        raise UsageError(
            f"--data {folder}: {error.strerror or error}; name a folder that can be written"
        ) from None
    if len(secret) != SECRET_BYTES:
        raise UsageError(
            f"--data {folder}: {FILE_NAME} has {len(secret)} bytes, expected {SECRET_BYTES}; remove it"
        )
    return secret
