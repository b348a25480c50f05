"""`betrontech-sim judge` reads files of any length and kind; dividing them changes no verdict."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow
import pytest
from pyarrow.parquet import write_table

from command_line import SCRIPT, simulate
from crosscheck import line_of
from right_wallets import Recipe, history_of, mutate
from simulator.archive.judging import judge_files
from simulator.archive.sources import sources_of
from simulator.core.call_lines import BadLine
from simulator.errors import UsageError
from simulator.history.files import Histories, JudgedHistory
from simulator.judge.recorded import as_played

Line = dict[str, object]

EXAMPLES = Path(__file__).parent.parent / "examples"

OPENING: Line = {"type": "opening", "player": "p1", "balance": "100.00"}
BET: Line = {
    "type": "exchange", "player": "p1", "method": "transaction_bet", "transaction_id": "b1",
    "amount": "10.00", "game_id": "g", "sent_ns": 1, "answered_ns": 9, "outcome": "accepted",
    "balance": "90.00",
}  # fmt: skip
LOST: Line = {**BET, "transaction_id": "b2", "sent_ns": 11, "answered_ns": 19}


def text_of(*lines: Line) -> str:
    """These lines as a file has them."""
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_several_files_count_as_one_and_each_keeps_its_lines(tmp_path: Path) -> None:
    """Plain and compressed; a history may go on in the next file."""
    (tmp_path / "a.ndjson").write_text(text_of(OPENING, BET))
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(text_of({**OPENING, "player": "p2"}, LOST).encode()))
    done = simulate("judge", "a.ndjson", "b.ndjson.gz", "--report", "json:verdicts.json", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "p1: inconsistent, money wrong (a.ndjson:1, 2 calls)" in done.stdout
    assert json.loads((tmp_path / "verdicts.json").read_text())["players"]["p1"]["line"] in (1, 2)
    bad = {**LOST, "outcome": "?"}
    (tmp_path / "c.ndjson").write_text(text_of(bad))
    done = simulate("judge", "a.ndjson", "c.ndjson", folder=tmp_path)
    assert done.returncode == 4
    assert "c.ndjson:1: outcome: " in done.stderr


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read(packed: bool) -> None:
    """As text or compressed."""
    text = text_of(OPENING, BET).encode()
    done = subprocess.run(
        [SCRIPT, "judge", "-"], input=gzip.compress(text) if packed else text, capture_output=True, check=True
    )
    assert done.stdout == b"1 player, 1 call: 1 consistent\n"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A damaged archive, bytes that are no text, a missing file, and one that is named twice."""
    damaged, latin = tmp_path / "damaged.gz", tmp_path / "latin.ndjson"
    damaged.write_bytes(gzip.compress(text_of(OPENING, BET).encode())[:-9])
    latin.write_bytes(text_of(OPENING).encode() + b'{"type":"\xe9"}\n')
    for name, message in (
        (damaged, "the gzip file is damaged"),
        (latin, "latin.ndjson:2: expected UTF-8 text, found byte 0xe9"),
        (tmp_path / "none.ndjson", "No such file"),
    ):
        with pytest.raises(UsageError, match=message):
            judged_in_parts([name], 1 << 20)
    with pytest.raises(UsageError, match="named twice"):
        judged_in_parts([latin, latin], 1 << 20)


def judged_in_parts(files: Sequence[Path], part_bytes: int) -> list[JudgedHistory]:
    """All verdicts on these files, by two processes where there are several parts."""
    sources = sources_of([str(file) for file in files])
    found, _ = judge_files(sources, lambda *_: None, processes=2, keep=True, part_bytes=part_bytes)
    return found.kept


def many_players(seed: int, *, apart: bool) -> list[Line]:
    """Histories of many players, right and wrong, mixed; `apart`, no two of them use one id."""
    chance = random.Random(seed)
    calls: list[Line] = []
    openings: list[Line] = []
    for number in range(40):
        crowding = chance.choice((0.0, 0.0, 0.0, 0.5))
        history = history_of(
            Recipe(6, 200, crowding, lost=chance.choice((0.0, 0.2)), then_read=False), chance
        )
        if chance.random() < 0.3:
            history = mutate(history, chance)
        player = f"pl{number}" if number % 7 else f"oyuncu-ğ{number}"
        openings.append({**OPENING, "player": player, "balance": "2.00"})
        for each in history:
            line = line_of(each)
            if apart and line["transaction_id"] is not None:
                line["transaction_id"] = f"{player}-{line['transaction_id']}"
            calls.append({**line, "player": player, **({"label": "x"} if chance.random() < 0.2 else {})})
    chance.shuffle(calls)
    broken: Line = {**BET, "player": None, "method": None, "form": "malformed", "outcome": "unknown"}
    stranger = {**BET, "player": "pl1x", "account": "unknown", "transaction_id": "s"}
    refused = {**stranger, "player": "zz", "outcome": "refused", "balance": None, "transaction_id": "s2"}
    other: Line = {"type": "step", "player": 7}
    return [*openings, broken, other, *calls, stranger, refused, broken]


def told(judged: Sequence[JudgedHistory]) -> list[tuple[object, ...]]:
    """What matters of verdicts, by line."""
    return sorted(
        (each.number, each.player, each.calls, each.rank, each.shared, str(each.verdict.situation), each.line)
        for each in judged
    )


@pytest.mark.parametrize("apart", [True, False], ids=["own-ids", "shared-ids"])
@pytest.mark.parametrize("seed", range(3))
def test_a_file_in_parts_is_judged_as_a_whole(tmp_path: Path, seed: int, apart: bool) -> None:
    """Followed call by call, checked, in several processes: every verdict is that of one pass over all."""
    lines = many_players(seed, apart=apart)
    texts = [json.dumps(line, ensure_ascii=seed == 1) for line in lines]
    file = tmp_path / "calls.ndjson"
    file.write_text("\n".join(texts) + "\n", "utf-8")
    whole = told([as_played(each) for each in Histories("calls.ndjson").judge(texts)])
    assert {rank for _, _, _, rank, *_ in whole} >= {0, 3}
    for part_bytes in (1 << 20, 6_000):
        assert told(judged_in_parts([file], part_bytes)) == whole


def test_a_key_that_stands_twice_leads_to_the_right_player(tmp_path: Path) -> None:
    """The last one counts, whatever a first look at the line says."""
    lines = [json.dumps({**OPENING, "player": f"p{number}"}) for number in range(60)]
    calls = [json.dumps({**BET, "player": f"p{number}"}) for number in range(60)]
    calls[7] = calls[7][:-1] + ', "player": "p8"}'
    file = tmp_path / "calls.ndjson"
    file.write_text("\n".join([*lines, *calls]), "utf-8")
    found = {each.player: each.calls for each in judged_in_parts([file], 2_000)}
    assert ("p7" in found, found["p8"]) == (False, 2)


def test_the_first_bad_line_of_a_long_file_is_told(tmp_path: Path) -> None:
    """Its place is that in the whole file, in whatever part it is."""
    lines = list(_long())
    lines[150] = '{"type":"exchange","player":"p9"'
    lines[170] = json.dumps(BET)
    file = tmp_path / "calls.ndjson"
    file.write_text("\n".join(lines), "utf-8")
    with pytest.raises(BadLine, match=rf"{file}:151: expected a JSON object"):
        judged_in_parts([file], 2_000)


def _long() -> Iterator[str]:
    yield from (json.dumps({**OPENING, "player": f"q{number}"}) for number in range(100))
    yield from (
        json.dumps({**BET, "player": f"q{number}", "transaction_id": f"b{number}"}) for number in range(100)
    )


COLUMNS = """\
player: user
method: {column: kind, values: {debit: transaction_bet, credit: transaction_win, rollback: refund}}
transaction_id: ref
amount: amount
balance: after
balance_before: before
outcome: {column: state, values: {ok: accepted, "no": refused}}
time: booked
delimiter: ";"
"""

TABLE = """\
user;kind;ref;amount;before;after;state;booked
u1;debit;r1;-10;100.00;90.00;ok;2026-01-31 12:00:00.25
u2;credit;r2;5;1.00;6.00;ok;2026-01-31 12:00:01
u1;credit;r3;2.50;90.00;92.50;ok;2026-01-31 12:00:02
u1;rollback;r1;10;92.50;92.50;ok;2026-01-31 12:00:03
"""


def test_a_table_of_transactions_is_judged_by_its_columns(tmp_path: Path) -> None:
    """Its rows are calls in turn; what is wrong is told with the row."""
    (tmp_path / "map.yaml").write_text(COLUMNS)
    (tmp_path / "table.csv").write_text(TABLE)
    done = simulate("judge", "table.csv", "--columns", "map.yaml", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "u1: inconsistent" in done.stdout
    assert "(table.csv:2, 3 calls)" in done.stdout
    assert "2 players, 4 calls: 1 consistent, 1 inconsistent" in done.stdout
    (tmp_path / "table.csv").write_text(TABLE.replace("92.50;92.50", "92.50;102.50"))
    assert simulate("judge", "table.csv", "--columns", "map.yaml", folder=tmp_path).returncode == 0


def in_cents(text: str) -> str:
    """The table with money as whole cents."""
    return re.sub(r"(?<=;)(-?)([0-9]+)(?:\.([0-9]+))?(?=;)", _as_cents, text)


def _as_cents(found: re.Match[str]) -> str:
    return f"{found[1]}{int(found[2]) * 100 + int((found[3] or '').ljust(2, '0'))}"


def test_a_table_may_keep_money_as_cents_or_with_zeros_beyond_them(tmp_path: Path) -> None:
    """DECIMAL(18, 4) and whole cents are the same money; rows that are no calls are skipped."""
    columns = COLUMNS.replace("rollback: refund", "rollback: refund, login: skip")
    with_zeros = re.sub(r";(-?[0-9]+\.[0-9]+)(?=;)", r";\g<1>00", TABLE)
    login = "u1;login;-;-;92.50;92.50;ok;2026-01-31 12:00:02\n"
    for text, more in ((with_zeros + login, ""), (in_cents(TABLE), "money: cents\n")):
        (tmp_path / "map.yaml").write_text(columns + more)
        (tmp_path / "table.csv").write_text(text)
        done = simulate("judge", "table.csv", "--columns", "map.yaml", folder=tmp_path)
        assert done.returncode == 1, done.stderr
        assert "2 players, 4 calls: 1 consistent, 1 inconsistent" in done.stdout
        assert "92.50" in done.stdout


def parquet(file: Path, **columns: pyarrow.Array) -> None:
    """Write the table as a warehouse exports it: decimals, times, and texts that occur often by number."""
    rows = [line.split(";") for line in TABLE.splitlines()]
    table = {name: pyarrow.array([row[place] for row in rows[1:]]) for place, name in enumerate(rows[0])}
    for name in ("amount", "before", "after"):
        table[name] = table[name].cast(pyarrow.decimal128(18, 4))
    table["booked"] = table["booked"].cast(pyarrow.timestamp("ns"))
    table["kind"] = table["kind"].dictionary_encode()
    write_table(pyarrow.table({**table, **columns}), file)


def test_a_table_in_parquet_is_judged_as_the_same_one_in_csv(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(COLUMNS)
    (tmp_path / "table.csv").write_text(TABLE)
    parquet(tmp_path / "table.parquet")
    of_csv, of_parquet = (
        simulate("judge", name, "--columns", "map.yaml", folder=tmp_path).stdout
        for name in ("table.csv", "table.parquet")
    )
    assert "u1: inconsistent" in of_parquet
    # The first line of a CSV file names its columns.
    assert of_parquet == of_csv.replace("table.csv:2", "table.parquet:1")


def test_without_pyarrow_a_parquet_file_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(COLUMNS)
    parquet(tmp_path / "table.parquet")
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    done = simulate(
        "judge", "table.parquet", "--columns", "map.yaml", folder=tmp_path, PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 4
    assert 'pip install "betrontech-simulator[parquet]"' in done.stderr


def test_money_as_floating_point_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(COLUMNS)
    parquet(tmp_path / "table.parquet", after=pyarrow.array([90.0, 6.0, 92.5, 92.5]))
    done = simulate("judge", "table.parquet", "--columns", "map.yaml", folder=tmp_path)
    assert done.returncode == 4
    assert 'the column "after" holds floating point numbers, which do not keep cents' in done.stderr


def test_a_parquet_file_that_is_cut_is_told(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(COLUMNS)
    parquet(tmp_path / "table.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "table.parquet").read_bytes()[:-20])
    done = simulate("judge", "cut.parquet", "--columns", "map.yaml", folder=tmp_path)
    assert done.returncode == 4
    assert "cut.parquet: the Parquet file cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "player: user",
            "playr: user",
            'map.yaml: unknown key "playr" in the columns; did you mean "player"',
        ),
        ("ref\n", "reff\n", 'table.csv: transaction_id: there is no column "reff"; did you mean "ref"'),
        ("transaction_win,", "transaction_wins,", 'found "transaction_wins"; did you mean "transaction_win"'),
        ("time: booked", "time: kind", "table.csv:2: time: expected a time like"),
        ("player: user\n", "", 'map.yaml: the columns needs "player"'),
    ],
)
def test_a_mistake_in_the_columns_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    """With the nearest valid word, and the row where it shows."""
    (tmp_path / "map.yaml").write_text(COLUMNS.replace(old, new, 1))
    (tmp_path / "table.csv").write_text(TABLE)
    done = simulate("judge", "table.csv", "--columns", "map.yaml", folder=tmp_path)
    assert done.returncode == 4, done.stdout
    assert message in " ".join(done.stderr.split())


@pytest.mark.campaign
def test_a_cluster_judges_the_parts_and_then_together_who_shares_ids(tmp_path: Path) -> None:
    """The example for Dask, on this machine: two players of one id are in different parts at first."""
    other: Line = {**BET, "player": "p2", "balance": "100.00", "sent_ns": 21, "answered_ns": 29}
    wrong: Line = {**BET, "player": "p3", "transaction_id": "b3", "balance": "95.00"}
    openings = [{**OPENING, "player": f"p{number}"} for number in (1, 2, 3)]
    (tmp_path / "a.ndjson").write_text(text_of(*openings, BET))
    (tmp_path / "b.ndjson").write_text(text_of(other, wrong))
    done = subprocess.run(
        [sys.executable, EXAMPLES / "dask" / "judge.py", "shared", "a.ndjson", "b.ndjson"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(SCRIPT).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    alone = json.loads((tmp_path / "shared" / "parts" / part_of("p2") / "verdicts.json").read_text())
    assert alone["players"]["p2"]["verdict"] == "inconsistent"
    assert done.stdout.splitlines()[-1] == "3 players, 1 not consistent", done.stderr
    assert "p3: inconsistent, money wrong" in done.stdout
    assert done.returncode == 1


def part_of(player: str) -> str:
    """The part that the example gives to a player without an agent."""
    return str(zlib.crc32(f"/{player}".encode()) % 64)
