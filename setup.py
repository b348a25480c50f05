"""Brings scenarios/, which lies beside the package, into the wheel and the sdist as simulator/scenarios/.

Everything else about the build stands in pyproject.toml. An editable install gets no copy: it reads the
repository's own folder, so that an edited scenario is never shadowed by a stale one.
"""

from pathlib import Path
from shutil import rmtree

from setuptools import setup
from setuptools.command.build_py import build_py

SCENARIOS = Path("scenarios")


class BuildWithScenarios(build_py):
    """build_py that also copies scenarios/ into the package."""

    def scenario_files(self) -> dict[str, str]:
        """Built path → path in the repository, of every scenario file."""
        if self.editable_mode:
            return {}
        files = sorted(
            path for path in SCENARIOS.rglob("*") if path.is_file() and not path.name.startswith(".")
        )
        return {str(Path(self.build_lib, "simulator", path)): str(path) for path in files}

    def run(self) -> None:
        """Build the package anew, then copy the scenarios into it."""
        # setuptools keeps build/ from build to build: a deleted file would live on in every later wheel.
        rmtree(Path(self.build_lib, "simulator"), ignore_errors=True)
        super().run()
        for built, source in self.scenario_files().items():
            self.mkpath(str(Path(built).parent))
            self.copy_file(source, built, preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name the built files, the scenarios among them."""
        return [*super().get_outputs(include_bytecode), *self.scenario_files()]

    def get_output_mapping(self) -> dict[str, str]:
        """Say which file each built one comes from."""
        return {**super().get_output_mapping(), **self.scenario_files()}

    def get_source_files(self) -> list[str]:
        """Name the files that the sdist has to carry, the scenarios among them."""
        inherited = super().get_source_files()  # type: ignore[no-untyped-call]  # so in the stubs
        return [*inherited, *self.scenario_files().values()]


setup(cmdclass={"build_py": BuildWithScenarios})
