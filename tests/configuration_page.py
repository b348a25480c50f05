"""docs/configuration.md, written from the tables of settings; run it as a script to write the page anew."""

from __future__ import annotations

from pathlib import Path

from simulator.settings.rows import DEBUG, Section, Setting
from simulator.settings.table import RUN_SECTIONS, SERVE_SECTIONS, WALLET_SECTIONS

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

_INTRODUCTION = """\
# Configuration

Every setting has a flag, an environment variable and a key in `betrontech-sim.yaml`. **Flags override
the environment, the environment overrides the file, the file overrides the defaults.** A list replaces
the overridden list as a whole. `betrontech-sim init` writes a commented file.

- **The file** is the `betrontech-sim.yaml` of the current folder, or the one that `--config FILE`
  names. A dot in a key on this page stands for a section: `hooks.seed` is `seed` under `hooks:`.
  Values need no quotes: `1000..1009`, `10.00` and `no` are read as they are written. Paths are
  relative to the current folder.
- **Lists** (marked "list"): repeat the flag, put one value on each line of the flag or the variable, or
  write a YAML list. Headers and policies may also be written as a mapping.
- **Switches** are `true` or `false` in the environment and in the file; each has a `--no-…` flag
  that undoes it.
- **Durations** are `250ms`, `3s` or `2m`; a bare number means seconds.
- An unknown key, or an unknown variable that begins with `BETRONTECH_SIM_`, is an error that names the
  nearest valid one. Variables that Kubernetes sets for a service (`…_PORT=tcp://…`, `…_SERVICE_HOST`
  and so on) are ignored. An empty variable counts as not set.
- Values marked "secret" never appear in a message.
- `NO_COLOR` and `TERM=dumb` turn colours off if `color` is `auto`; `LC_ALL`, `LC_MESSAGES` or `LANG`
  choose the language where `lang` is not set. No other variable is read, neither `HTTP_PROXY` nor
  `.netrc`.
- **In a shell** Tab completes commands, flags, rules and the names of files and defects, after this
  line (`zsh_source` for zsh; `fish_source | source`, without `eval`, for fish):
  `eval "$(_BETRONTECH_SIM_COMPLETE=bash_source betrontech-sim)"`

`python tests/configuration_page.py` writes this page from the table of the flags; a test compares
them.
"""

_HEADINGS = "| flag | variable | key | value | default | |\n|---|---|---|---|---|---|"


def page() -> str:
    """The text of the page."""
    parts = [_INTRODUCTION, "## Every command\n", _table((DEBUG,)), "\n## run\n"]
    parts += [_section(section) for section in RUN_SECTIONS]
    parts += ["## serve and healthcheck\n"]
    parts += [_section(section) for section in SERVE_SECTIONS]
    parts += ["## operator\n"]
    parts += [_section(section) for section in WALLET_SECTIONS]
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
