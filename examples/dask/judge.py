"""Judge more calls than one machine holds: a Dask cluster divides them by player and judges each part.

    python judge.py SHARED_FOLDER calls-1.ndjson calls-2.ndjson … [--scheduler tcp://host:8786] [--parts 64]

Every worker needs the simulator and the shared folder. Without --scheduler, this machine is the cluster.
Files count in the order given, as for `betrontech-sim judge`. It ends with 0, 1 or 6 as `judge` does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dask.distributed import Client

Line = dict[str, Any]


def player_of(line: Line) -> str:
    return f"{line.get('agent') or ''}/{line.get('player')}"


def lines_of(file: str) -> Iterator[tuple[str, Line]]:
    with Path(file).open(encoding="utf-8") as text:
        for each in filter(str.strip, text):
            yield each, json.loads(each)


def split(file: str, number: int, folder: Path, parts: int, keeps: Callable[[Line], bool]) -> None:
    """Write each line to the part of its player; the file's number keeps the files in order."""
    with ExitStack() as opened:
        out: dict[int, Any] = {}
        for text, line in lines_of(file):
            if not keeps(line):
                continue
            part = zlib.crc32(player_of(line).encode()) % parts
            if part not in out:
                place = folder / str(part)
                place.mkdir(parents=True, exist_ok=True)
                out[part] = opened.enter_context((place / f"{number:06}.ndjson").open("w", encoding="utf-8"))
            out[part].write(text)


def judge(place: Path) -> dict[str, Line]:
    """Return the verdict on each player of a part."""
    files = sorted(str(each) for each in place.glob("*.ndjson"))
    report = place / "verdicts.json"
    command = ["betrontech-sim", "judge", *files, "-j", "1", "--report", f"json:{report}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 6):
        raise SystemExit(f"{place}: {done.stderr}")
    players: dict[str, Line] = json.loads(report.read_text("utf-8"))["players"]
    return players


def is_right(verdict: Line) -> bool:
    return verdict["verdict"] == "consistent"


def ids_of(file: str, players: set[str]) -> set[str]:
    """Return the transaction ids of these players."""
    return {
        line["transaction_id"]
        for _, line in lines_of(file)
        if line.get("transaction_id") and line.get("player") in players
    }


def users_of(file: str, ids: set[str]) -> set[str]:
    """Return the players who use one of these ids."""
    return {line["player"] for _, line in lines_of(file) if line.get("transaction_id") in ids}


def judged(client: Client, files: list[str], folder: Path, parts: int) -> dict[str, Line]:
    """Judge every part, and then together those who may be wrong and those who share ids with them.

    A wallet's ids may count once for all players, and the other player may be in another part.
    """
    first = folder / "parts"
    client.gather(
        [
            client.submit(split, file, number, first, parts, lambda _: True, pure=False)
            for number, file in enumerate(files)
        ]
    )
    verdicts: dict[str, Line] = {}
    for found in client.gather([client.submit(judge, place, pure=False) for place in first.iterdir()]):
        verdicts |= found
    suspects = {name.rpartition("/")[2] for name, each in verdicts.items() if not is_right(each)}
    if not suspects:
        return verdicts
    ids = set().union(*client.gather([client.submit(ids_of, file, suspects) for file in files]))
    together = suspects.union(*client.gather([client.submit(users_of, file, ids) for file in files]))
    for number, file in enumerate(files):
        split(file, number, folder / "together", 1, lambda line: line.get("player") in together)
    return verdicts | judge(folder / "together" / "0")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--scheduler")
    parser.add_argument("--parts", type=int, default=64)
    given = parser.parse_args()
    for name in ("parts", "together"):
        shutil.rmtree(given.folder / name, ignore_errors=True)
    files = [str(Path(file).resolve()) for file in given.files]
    with Client(given.scheduler) if given.scheduler else Client(dashboard_address=None) as client:
        verdicts = judged(client, files, given.folder.resolve(), given.parts)
    wrong = {name: each for name, each in verdicts.items() if not is_right(each)}
    for name, each in sorted(wrong.items()):
        print(f"{name}: {each['verdict']}, money {each['money']}: {each['explanation']}")
    print(f"{len(verdicts)} players, {len(wrong)} not consistent")
    if any(each["verdict"] == "inconsistent" for each in wrong.values()):
        return 1
    return 6 if any(each["verdict"] == "inconclusive" for each in wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
