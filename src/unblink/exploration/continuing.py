"""What a search that came to its budget leaves for the next one: what was learned, and where the proof stands.

Kept by the names of sites, in one file a test. What was learned of sites only guides the search, so it is taken on
wherever its names are found again. How many executions there were, and where the systematic search stands, counts only
if the instrumented sources, the Python and the bound on stalls are the same as then.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from unblink.exploration.settings import Settings
from unblink.ground.sources import Sources
from unblink.model.site import SiteName

FORMAT = 1
MAX_BYTES = 1 << 24
_MOST = 2_000  # pairs, and triples, that are kept


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier search left. `executions` and `plans` are zero, and `proof` empty, if it no longer counts."""

    executions: int
    plans: tuple[int, int]
    hot: tuple[SiteName, ...]
    pairs: tuple[tuple[SiteName, SiteName, int], ...]
    triples: tuple[tuple[SiteName, SiteName, SiteName, int], ...]
    proof: bytes
    changed: bool = False


class Continuing:
    """Keeps and finds again the stand of the search of one test, in `folder`."""

    def __init__(self, name: str, settings: Settings, sources: Sources, folder: str) -> None:
        digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12]
        self.path = Path(folder) / "continue" / f"{digest}.json"
        self._name = name
        self._settings = settings
        self._sources = sources

    def drop(self) -> None:
        """Keep nothing: there is nothing left to go on with."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def keep(self, executions: int, plans: tuple[int, int], *, proves: bool) -> None:
        """Write what the engine knows now, whole or not at all. A disk that does not take it is no error of the test.

        Not `proves`: what was covered is not to count.
        """
        from unblink import _native

        pairs, triples, proof = _native.take_knowledge()
        names = _Names(self._sources)
        content = {
            "format": FORMAT,
            "test": self._name,
            "of": self._state(),
            "executions": executions,
            "plans": list(plans),
            "hot": [names.number(site) for site in _native.hot_sites()],
            "pairs": [[names.number(a), names.number(b), about] for a, b, about in pairs[:_MOST]],
            "triples": [[*map(names.number, row[:3]), row[3]] for row in triples[:_MOST]],
            "proof": base64.b64encode(proof if proves else b"").decode("ascii"),
            "sites": names.rows,
        }
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def find(self) -> Kept | None:
        """Return what an earlier search has left, or None; a file that is damaged is as none."""
        try:
            if self.path.stat().st_size > MAX_BYTES:
                return None
            read = json.loads(self.path.read_text(encoding="utf-8"))
            return self._kept(read) if read["format"] == FORMAT and read["test"] == self._name else None
        except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError):
            return None

    def _kept(self, read: dict[str, Any]) -> Kept:
        sites = [
            SiteName(str(file), str(function), str(text), str(operation), int(index))
            for file, function, text, operation, index in read["sites"]
        ]
        same = read["of"] == self._state()
        searched, systematic = (int(number) for number in read["plans"])
        return Kept(
            int(read["executions"]) if same else 0,
            (searched, systematic) if same else (0, 0),
            tuple(sites[int(n)] for n in read["hot"]),
            tuple((sites[int(a)], sites[int(b)], int(about)) for a, b, about in read["pairs"]),
            tuple((sites[int(a)], sites[int(b)], sites[int(c)], int(about)) for a, b, c, about in read["triples"]),
            base64.b64decode(read["proof"], validate=True) if same else b"",
            not same,
        )

    def _state(self) -> list[str]:
        """Return what must be equal for executions of then to count now."""
        from unblink import __version__

        settings = self._settings
        ran = f"{settings.strategy} {settings.seed} {settings.stall}"
        return [__version__, platform.python_version(), ran, digest_of(self._sources.instrumented_files())]


class Restored:
    """Takes on what an earlier search left, as far as its names are found again."""

    def __init__(self, kept: Kept, sources: Sources) -> None:
        self._kept = kept
        self._sources = sources
        self._proof = kept.proof
        self._hot: set[int] = set()

    def take_on(self) -> None:
        """Make known what can be found by name. To be called when the first execution has met its sites."""
        from unblink import _native

        found = _found(self._sources, {*self._kept.hot, *(n for row in self._kept.pairs for n in row[:2])})
        self._hot = {found[name] for name in self._kept.hot if name in found}
        for site in sorted(self._hot):
            _native.make_hot(site)
        pairs = [(found[a], found[b], k) for a, b, k in self._kept.pairs if a in found and b in found]
        known = (row for row in self._kept.triples if all(name in found for name in row[:3]))
        _native.give_knowledge(pairs, [(found[a], found[b], found[c], k) for a, b, c, k in known])

    def restore_proof(self) -> None:
        """Go on with the systematic search, if points are made where they were made then, and nowhere else."""
        from unblink import _native

        proof, self._proof = self._proof, b""
        if proof and len(self._hot) == len(self._kept.hot) and set(_native.hot_sites()) == self._hot:
            _native.restore_proof(proof)


def digest_of(files: Iterable[str]) -> str:
    """Return a digest of the contents of `files`."""
    whole = hashlib.sha256()
    for file in sorted(files):
        try:
            whole.update(hashlib.sha256(Path(file).read_bytes()).digest())
        except OSError:
            whole.update(file.encode("utf-8", "replace"))
    return whole.hexdigest()


class _Names:
    """Numbers names of sites in the order in which they come."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._numbers: dict[int, int] = {}
        self.rows: list[tuple[Any, ...]] = []

    def number(self, site: int) -> int:
        number = self._numbers.get(site)
        if number is None:
            number = self._numbers[site] = len(self.rows)
            self.rows.append(astuple(self._sources.name(site)))
        return number


def _found(sources: Sources, wanted: Iterable[SiteName]) -> dict[SiteName, int]:
    """Return the sites of this process that have the `wanted` names."""
    from unblink import _native

    by_function: dict[tuple[str, str], list[SiteName]] = defaultdict(list)
    for name in wanted:
        by_function[name.function, name.operation].append(name)
    found: dict[SiteName, int] = {}
    for site in range(1, _native.site_count()):
        candidates: Sequence[SiteName] = by_function.get((sources.function(site), sources.operation(site)), ())
        if any(sources.may_be(site, name) for name in candidates):
            found.setdefault(sources.name(site), site)
    return {name: found[name] for names in by_function.values() for name in names if name in found}
