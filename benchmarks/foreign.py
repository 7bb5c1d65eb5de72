"""What others wrote and we compare with: fetched once from PyPI into build/bench, kept out of the repository."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
from pathlib import Path

from benchmarks.loading import ROOT

STORE = ROOT / "build" / "bench"
PYPERFORMANCE = "pyperformance==1.14.0"
PEERS = ("frontrun==0.7.0", "interleave-test==0.1.0")
_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def pyperformance_program(name: str) -> Path:
    """Return the path of one of pyperformance's programs."""
    unpacked = STORE / PYPERFORMANCE.replace("==", "-")
    if not unpacked.exists():
        STORE.mkdir(parents=True, exist_ok=True)
        _run(
            sys.executable,
            *_PIP,
            "download",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--dest",
            str(STORE),
            PYPERFORMANCE,
        )
        with tarfile.open(unpacked.with_name(unpacked.name + ".tar.gz")) as archive:
            archive.extractall(STORE, filter="data")
    return unpacked / "pyperformance/data-files/benchmarks" / f"bm_{name}" / "run_benchmark.py"


def peers_bin() -> Path:
    """Return the folder of programs of an environment for this Python that has the peers; not each peer runs on it."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    environment = STORE / f"peers-{version}"
    bin_folder = environment / "bin"
    if not (environment / "complete").exists():
        venv.create(environment, with_pip=True, clear=True)
        for peer in PEERS:
            _run(str(bin_folder / "python"), *_PIP, "install", peer, check=False)
        (environment / "complete").touch()
    return bin_folder


def _run(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if not check else None)
