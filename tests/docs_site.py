"""Put the pages of the documentation site together: README, docs, and the rules in each language.

`python tests/docs_site.py FOLDER` writes them for Zensical, as `make docs` does.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from simulator.core.languages import Lang
from simulator.law.rules import GROUPS, Rule, rules
from simulator.report.languages import NAMES, REPORTS, texts_in

HOME = Path(__file__).parent.parent

_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")

_RENAMED = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "docs/decisions": "docs/decisions/index.md",
}
"""What has another name in the site than in the repository."""

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def write_site(folder: Path) -> None:
    """Write the configuration and all pages into a folder, from which earlier ones are removed."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = folder / "pages"
    pages.mkdir(parents=True)
    shutil.copy(HOME / "docs/zensical.toml", folder)
    _copy(HOME / "README.md", pages / "index.md")
    _copy(HOME / "CHANGELOG.md", pages / "changelog.md")
    for page in sorted((HOME / "docs").rglob("*.md")):
        _copy(page, pages / page.relative_to(HOME / "docs"))
    decisions = sorted((HOME / "docs/decisions").glob("*.md"))
    listed = "\n".join(f"- [{page.stem}]({page.name})" for page in decisions)
    (pages / "decisions/index.md").write_text(f"# Decisions\n\n{listed}\n", "utf-8")
    _write_rules(pages / "rules")


def _copy(source: Path, target: Path) -> None:
    """Copy a page; links within the repository lead to pages of the site, or are text where it has none."""
    parts = _FENCE.split(source.read_text("utf-8"))
    text = "".join(part if part.startswith("```") else _linked(part, source) for part in parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def _linked(text: str, source: Path) -> str:
    def link(found: re.Match[str]) -> str:
        words, target = found.groups()
        path, hash_, anchor = target.partition("#")
        if "://" in target or not path:
            return found[0]
        inside = (source.parent / path).resolve().relative_to(HOME).as_posix()
        inside = _RENAMED.get(inside, inside)
        if not inside.endswith(".md"):
            return words
        here = source.relative_to(HOME).as_posix().removeprefix("docs/")
        up = "../" * here.count("/")
        return f"[{words}]({up}{inside.removeprefix('docs/')}{hash_}{anchor})"

    return _LINK.sub(link, text)


def _write_rules(folder: Path) -> None:
    folder.mkdir()
    lines = [
        "# The rules",
        "",
        "What each rule means, why it costs money, who asks for it, and how to fix a wallet.",
        "",
    ]
    for lang in (Lang.ENGLISH, Lang.TURKISH, Lang.PORTUGUESE):
        every = list(rules(lang).values())
        lines += [f"## {NAMES[lang]}", ""]
        for group in GROUPS:
            held = [rule for rule in every if rule.group == group]
            page = folder / str(lang) / f"{group}.md"
            page.parent.mkdir(exist_ok=True)
            page.write_text(
                "\n\n".join([f"# {group}", *(_rule(rule, lang) for rule in held)]) + "\n", "utf-8"
            )
            lines += [
                f"- [{each.id}]({lang}/{group}.md#{each.id.lower()}) {_plain(each.title)}" for each in held
            ]
        lines.append("")
    (folder / "index.md").write_text("\n".join(lines), "utf-8")


def _rule(rule: Rule, lang: Lang) -> str:
    texts = texts_in(REPORTS, lang)
    told = [f"## {rule.id} {{ #{rule.id.lower()} }}", f"**{_plain(rule.title)}**", ""]
    for name in ("meaning", "why", "source", "fix"):
        told.append(f"**{texts[f'explain_{name}']}.** {_plain(getattr(rule, name))}")
    return "\n\n".join(each for each in told if each)


def _plain(text: str) -> str:
    """Return a text in which nothing is Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|~^$])", r"\\\1", text)


if __name__ == "__main__":
    write_site(Path(sys.argv[1]))
