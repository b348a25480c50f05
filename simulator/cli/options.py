"""Make click options from rows of the table of settings, and commands whose help has sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from simulator.settings.kinds import ValueKind
from simulator.settings.rows import Section, Setting

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

LANG_HELP = "The language.  [default: that of your locale, or en]"
"""Of a command that is no run: it needs no configuration."""


Completes = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def file_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]


def one_of(words: Callable[[], Iterable[str]]) -> Completes:
    """Return what lets a shell complete one of these words, which are made only then."""
    return lambda _context, _parameter, incomplete: [
        CompletionItem(word) for word in words() if word.casefold().startswith(incomplete.casefold())
    ]


class SettingOption(click.Option):
    """The option of one setting. Its value stays the text that was typed, for `settings` to read."""

    def __init__(self, setting: Setting) -> None:
        names = [setting.name, *([setting.short] if setting.short else [])]
        if setting.is_switch:
            names.append(f"{setting.flag}/--no-{setting.flag.removeprefix('--')}")
            super().__init__(names, is_flag=True, default=None, help=setting.help)
        elif setting.is_counted:
            super().__init__([*names, setting.flag], count=True, default=None, help=setting.help)
        else:
            super().__init__(
                [*names, setting.flag],
                metavar=setting.kind.metavar,
                multiple=setting.is_list,
                help=setting.help,
            )
        self.setting = setting

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the words that the setting takes, or let the shell complete the name of a file."""
        metavar = self.setting.kind.metavar
        if self.setting.flag == "--defect":
            return one_of(defect_names)(ctx, self, incomplete)
        if re.fullmatch(r"[a-z]\S*\|\S+", metavar):
            return one_of(lambda: metavar.split("|"))(ctx, self, incomplete)
        wants_file = self.setting.kind.names_file or metavar in ("FILE", "DIR")
        return file_names(ctx, self, incomplete) if wants_file else super().shell_complete(ctx, incomplete)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the flag with its value (without the --no-… form), and the help with the default."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        flags = record[0].partition(" / --no-")[0]
        notes = ["repeatable"] if self.setting.is_list else []
        if self.setting.default is not None and not (self.setting.is_switch or self.setting.is_counted):
            notes.append(f"default: {self.setting.default}")
        return flags, self.setting.help + (f"  [{', '.join(notes)}]" if notes else "")


def read_as(kind: ValueKind, text: str) -> Any:
    """Return the value of an option that is no setting. Raises BadParameter."""
    try:
        return kind.parse(text)
    except ValueError as error:
        raise click.BadParameter(f'{str(error) or f"expected {kind.expects}"}, found "{text}"') from None


def reader_of(kind: ValueKind) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Return the callback of such an option, whose value is None where it is not given."""
    return lambda _context, _parameter, text: None if text is None else read_as(kind, text)


def defect_names() -> Iterable[str]:
    """Return the names of the example wallet's defects."""
    # Importing them takes a tenth of a second.
    from simulator.reference_operator import DEFECTS

    return DEFECTS


class SettingsCommand(click.Command):
    """A command whose options come from sections of the table."""

    sections: tuple[Section, ...] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options section by section."""
        options = {
            parameter.name: parameter.get_help_record(ctx)
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
        }
        for section in self.sections:
            records = [record for row in section.rows if (record := options.pop(row.name, None)) is not None]
            with formatter.section(section.title):
                formatter.write_dl(records)
        with formatter.section("Options"):
            formatter.write_dl([record for record in options.values() if record is not None])
        first = self.sections[0].rows[0]
        formatter.write_paragraph()
        formatter.write_text(
            f"Each flag above these Options is also an environment variable ({first.flag} is "
            f"{first.variable}) and a key of betrontech-sim.yaml. Flags override the environment, the "
            "environment overrides the file."
        )


def settings_command(
    name: str, *sections: Section, short_help: str | None = None
) -> Callable[[Callable[..., Any]], SettingsCommand]:
    """Make a function the command of that name; it receives each setting's text by the row's name."""

    def decorate(function: Callable[..., Any]) -> SettingsCommand:
        for section in reversed(sections):
            for row in reversed(section.rows):
                function = _with_option(function, SettingOption(row))
        command = click.command(name, cls=SettingsCommand, short_help=short_help)(function)
        command.sections = sections
        return command

    return decorate


def _with_option(function: Callable[..., Any], option: click.Option) -> Callable[..., Any]:
    parameters: list[click.Parameter] = function.__dict__.setdefault("__click_params__", [])
    parameters.append(option)
    return function
