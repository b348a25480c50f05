"""docs/configuration.md, written from the tables of settings; run it as a script to write the page anew."""

from __future__ import annotations

from pathlib import Path

from simulator.settings.table import DEBUG, RUN_SECTIONS, SERVE_SECTIONS, Section, Setting

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

_INTRODUCTION = """\
# Configuration

Every setting has a flag, a variable in the environment and a key in `betrontech-sim.yaml`. **A flag
wins over the environment, the environment over the file, the file over the default.** A list
replaces the weaker one as a whole. `betrontech-sim init` writes a commented file.

- **The file** is the `betrontech-sim.yaml` of the current folder, or the one that `--config FILE`
  names. A key with a dot in this page lies in a section: `hooks.seed` is `seed` under `hooks:`.
  Values are text until their setting reads them: `1000..1009`, `10.00` and `no` need no quotes.
  Paths in it are seen from the current folder.
- **Lists** (marked "list"): give the flag again, put one value on each line of it or of the variable, or
  write a YAML list. Headers and policies may also be written as a mapping.
- **Switches** are `true` or `false` in the environment and in the file; each has a `--no-…` flag
  that takes it back.
- **Durations** are `250ms`, `3s` or `2m`; a bare number is seconds.
- An unknown key or variable that begins with `BETRONTECH_SIM_` is an error that names the nearest
  valid one; what Kubernetes injects for a service (`…_PORT=tcp://…`, `…_SERVICE_HOST` and so on) is
  passed over. An empty variable is not set.
- Values marked "secret" never appear in a message.
- `NO_COLOR` turns colours off where `color` is `auto`. No other variable is read: not `HTTP_PROXY`,
  not `.netrc`.

This page is written from the same table as the flags (`python tests/configuration_page.py`); a test
compares them.
"""

_HEADINGS = "| flag | variable | key | value | default | |\n|---|---|---|---|---|---|"


def page() -> str:
    """The text of the page."""
    parts = [_INTRODUCTION, "## Every command\n", _table((DEBUG,)), "\n## run\n"]
    parts += [_section(section) for section in RUN_SECTIONS]
    parts += ["## serve and healthcheck\n"]
    parts += [_section(section) for section in SERVE_SECTIONS]
    return "\n".join(parts).rstrip() + "\n"


def _section(section: Section) -> str:
    return f"### {section.title}\n\n{_table(section.rows)}\n"


def _table(rows: tuple[Setting, ...]) -> str:
    return "\n".join([_HEADINGS, *(_line(row) for row in rows)])


def _line(row: Setting) -> str:
    flag = ", ".join(f"`{name}`" for name in (row.short, row.flag) if name)
    marks = [mark for mark, holds in (("list", row.is_list), ("secret", row.secret)) if holds]
    value = "switch" if row.is_switch else f"`{row.kind.metavar}`"
    cells = (
        flag,
        f"`{row.variable}`",
        f"`{row.key}`" if row.key else "",
        ", ".join([value, *marks]),
        f"`{row.default}`" if row.default else "",
        row.help,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
