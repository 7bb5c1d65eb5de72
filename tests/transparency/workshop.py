"""Where the suites are run: source distributions and virtual environments, made once and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from .packages import Package

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(os.environ.get("UNBLINK_SOURCES") or ROOT / "src")  # unblink itself, built in place
PLUGIN = Path(__file__).with_name("plugin")
BASICS = ("pytest>=8", "greenlet>=3.1")


class Unavailable(Exception):
    """A package, or something that its tests need, could not be had."""


class Workshop:
    """A folder with the distributions and, for each package, an environment of the interpreter `python`."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = python
        version = subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.version = version.stdout.strip()

    def prepared(self, package: Package) -> tuple[Path, Path]:
        """Return the unpacked distribution and the environment's interpreter, made if they are not there.

        Raises:
            Unavailable: pip could not get something.
        """
        source = self._unpacked(package)
        environment = self.folder / f"venv-{self.version}" / package.name
        python = environment / "bin" / "python"
        done = environment / "ready"
        if not done.exists():
            shutil.rmtree(environment, ignore_errors=True)
            self._run(self.python, "-m", "venv", environment)
            self._run(
                python, "-m", "pip", "install", "-q", *BASICS, *package.needs, package.requirement,
            )  # fmt: skip
            self._copy_extensions(package, environment, source)
            done.touch()
        return source, python

    def environment(self, package: Package, source: Path) -> dict[str, str]:
        """Return the variables with which the suite imports the package from its distribution."""
        path = [source / package.source, SOURCES, PLUGIN]
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "UNBLINK"))}
        return own | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONHASHSEED": "0"}

    def _unpacked(self, package: Package) -> Path:
        sources = self.folder / f"sources-{self.version}"
        sources.mkdir(parents=True, exist_ok=True)
        found = self._in(sources, package)
        if found is None:
            archives = self.folder / "sdists"
            archives.mkdir(exist_ok=True)
            archive = self._archive(archives, package)
            if archive is None:
                self._run(
                    sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps",
                    "-d", archives, package.requirement,
                )  # fmt: skip
                archive = self._archive(archives, package)
            if archive is None:
                raise Unavailable(f"pip downloaded no source distribution of {package.requirement}")
            with tarfile.open(archive) as tar:
                tar.extractall(sources, filter="data")
            found = self._in(sources, package)
            assert found is not None, archive
        return found

    @staticmethod
    def _in(sources: Path, package: Package) -> Path | None:
        names = (package.name, package.name.replace("-", "_"))
        return next((p for n in names if (p := sources / f"{n}-{package.version}").is_dir()), None)

    @staticmethod
    def _archive(archives: Path, package: Package) -> Path | None:
        names = (package.name, package.name.replace("-", "_"))
        return next((p for n in names if (p := archives / f"{n}-{package.version}.tar.gz").is_file()), None)

    def _copy_extensions(self, package: Package, environment: Path, source: Path) -> None:
        """Put the package's own compiled modules beside its sources."""
        installed = next((environment / "lib").glob("python*/site-packages"))
        for module in installed.rglob("*.so"):
            place = source / package.source / module.relative_to(installed).parent
            if place.is_dir():
                shutil.copy(module, place)

    @staticmethod
    def _run(*command: object) -> None:
        ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if ended.returncode:
            raise Unavailable(f"{' '.join(map(str, command))}\n{ended.stdout[-500:]}{ended.stderr[-1500:]}")
