"""How often the test fails by chance: runs it again and again on real threads, and counts.

python -m cases.flaky_dispatcher.odds [RUNS] [--fixed]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import test_flaky_dispatcher_buggy, test_flaky_dispatcher_fixed

Test = Callable[[Path], None]


def failures(test: Test, runs: int) -> int:
    """How many of `runs` runs of `test` fail."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            try:
                test(Path(folder))
            except AssertionError:
                failed += 1
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description="Count how often the flaky test fails by chance.")
    parser.add_argument("runs", type=int, nargs="?", default=2000)
    parser.add_argument("--fixed", action="store_true", help="run the fixed dispatcher instead")
    options = parser.parse_args()
    module = test_flaky_dispatcher_fixed if options.fixed else test_flaky_dispatcher_buggy
    begun = time.perf_counter()
    failed = failures(module.test_nothing_is_in_flight_when_every_receipt_is_in, options.runs)
    seconds = time.perf_counter() - begun
    share = 100 * failed / max(options.runs, 1)
    print(f"{failed} of {options.runs} plain runs failed by chance ({share:.1f} %), in {seconds:.1f} s")


if __name__ == "__main__":
    main()
