"""Make a page of a template: one HTML file that loads nothing from elsewhere. `templates` holds the forms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from simulator.report.languages import ENGLISH, Words
from simulator.report.text import visible_lines


def rendered(template: str, values: Mapping[str, object], words: Words = ENGLISH) -> str:
    """Return a template with its values, all of which are escaped, in the language of these words.

    Escaping leaves marks that turn text around, and control characters, as they are: they become visible.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return (
        visible_lines(environment.get_template(template).render(values, say=words, lang=words.lang.value))
        + "\n"
    )
