"""The project around the code: what is installed, what is shipped, and what no file may give away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-load.lock", "requirements-build.lock", "requirements-dev.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
REQUIREMENT = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)

# A reader of a fresh clone has none of these. Spelt in two halves, so that this file is not its own finding.
FOREIGN = {
    "a path of one machine": re.compile(r"(?<![\w.~-])/(?:wo" + r"rk|ro" + r"ot|home/\w+)/[\w.]"),
    "a package registry": re.compile(r"(?:py" + r"pi\.org|python" + r"hosted\.org|registry\.np" + r"mjs)"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY"),
}

TOP_LEVEL = {
    *(
        ".ci",
        ".dockerignore",
        ".github",
        ".gitignore",
        "action.yml",
        "CHANGELOG.md",
        "Dockerfile",
        "LICENSE",
        "Makefile",
        "README.md",
    ),
    *(
        "benchmarks",
        "betrontech_simulator",
        "compose.yaml",
        "docs",
        "examples",
        "pyproject.toml",
        "scenarios",
        "setup.py",
        "simulator",
        "tests",
    ),
    *LOCKS,
}


def tracked() -> list[Path]:
    """The files that git has, and so every clone; those deleted but not yet committed left out."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def locked(name: str) -> dict[str, str]:
    """Distribution → version, as one lock file has it."""
    return dict(REQUIREMENT.findall((ROOT / name).read_text("utf-8")))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_hashes_and_no_host(name: str) -> None:
    """A lock installs from any mirror, and only what was locked."""
    text = (ROOT / name).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_the_locks_agree() -> None:
    """Who installs the tools after the product gets the same product."""
    runtime, load, build, everything = (locked(name) for name in LOCKS)
    assert runtime.items() <= load.items()
    assert load.items() | build.items() <= everything.items()
    declared = {re.split(r"[=><]", entry)[0] for entry in PROJECT["project"]["dependencies"]}
    assert declared <= runtime.keys()
    assert not {"pytest", "mypy", "setuptools"} & runtime.keys()


def test_dependencies_are_ranges_that_live_beside_others() -> None:
    """An exact version would refuse to be installed beside any other package that needs the same one."""
    assert not [each for each in PROJECT["project"]["dependencies"] if "==" in each or "<" in each]


@pytest.mark.parametrize("pattern", FOREIGN.values(), ids=FOREIGN.keys())
def test_no_file_gives_away_where_it_was_written(pattern: re.Pattern[str]) -> None:
    """No tracked file holds a machine's path, a registry's host or a key."""
    found = []
    for file in tracked():
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n" + "\n".join(found)


def test_the_top_level_stays_small() -> None:
    """A newcomer sees the whole project in one listing."""
    assert {file.relative_to(ROOT).parts[0] for file in tracked()} <= TOP_LEVEL


def test_the_readme_is_short_and_says_whose_product_this_is() -> None:
    """README is read to its end, and nobody takes the product for BetronTech's own."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert 0 < len(text.splitlines()) <= 150
    assert re.search(r"independent|not affiliated", text)


def test_every_make_target_that_is_promised_exists() -> None:
    """What README and docs tell to type can be typed."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    texts = [file for file in tracked() if file.suffix == ".md"]
    named = {name for file in texts for name in re.findall(r"`make ([a-z0-9-]+)", file.read_text("utf-8"))}
    assert named <= targets


def shipped_files() -> list[Path]:
    """The files of the repository that the wheel is to hold."""
    return [file for file in tracked() if file.relative_to(ROOT).parts[0] in {"simulator", "scenarios"}]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from what git has."""
    folder = tmp_path_factory.mktemp("repository")
    others = (ROOT / name for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"))
    for file in [*shipped_files(), *others]:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=folder, check=True, capture_output=True)
    [made] = (folder / "dist").glob("*.whl")
    return made


def test_an_installed_wheel_explains_a_rule(wheel: Path, tmp_path: Path) -> None:
    """The catalogue is read where it is installed, and not from the repository."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    explain = [sys.executable, "-m", "simulator", "explain", "IDE-03"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(explain, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("IDE-03  the same refund sent twice is paid once\n")
    assert (tmp_path / "simulator" / "law" / "catalogue" / "en" / "IDE.toml").is_file()


def test_the_wheel_carries_scenarios_and_package_data(wheel: Path) -> None:
    """`pip install` alone is enough: every scenario, template and asset of the repository is in the wheel."""
    shipped = {
        PurePosixPath(name) for name in zipfile.ZipFile(wheel).namelist() if name.startswith("simulator/")
    }
    expected = {PurePosixPath(file.relative_to(ROOT).as_posix()) for file in shipped_files()}
    assert shipped == {
        PurePosixPath("simulator", name) if name.parts[0] == "scenarios" else name for name in expected
    }


def test_the_image_takes_what_the_dockerfile_copies() -> None:
    """.dockerignore lets through each thing that the image is built from."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    admitted = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }
    copied = {
        name
        for names in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)
        for name in names.split()
    }
    assert copied == admitted
    assert f"ARG VERSION={PROJECT['project']['version']}\n" in dockerfile


def test_the_image_needs_no_registry_but_its_base_and_no_root() -> None:
    """The Dockerfile pulls no frontend, takes any base, ends as a numbered user, and runs no shell."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert "# syntax=" not in dockerfile
    assert re.search(r"\A(?:#.*\n)*ARG BASE_IMAGE=\S+\n", dockerfile)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${BASE_IMAGE}"}
    assert re.search(r"^USER \d+:\d+$", dockerfile, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["betrontech-sim"\]$', dockerfile, re.MULTILINE)
