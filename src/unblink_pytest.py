"""The pytest plugin. It loads the package only when it is asked to: `pytest --race` is the one flag."""

from __future__ import annotations

import pytest

_OPTIONS = (
    (
        "--race-budget",
        "race_budget",
        "BUDGET",
        "bound for each test: executions (1000x), a time (5s), or both",
    ),
    ("--race-seed", "race_seed", "N", "seed of the search (default 0)"),
    (
        "--race-stall",
        "race_stall",
        "SECONDS",
        "most virtual time for which tasks may be held back (default 1)",
    ),
    ("--race-strategy", "race_strategy", "NAME", "auto, random, pct, pos, surw, reads-from or dpor (default auto)"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their ini counterparts."""
    group = parser.getgroup("race", "concurrency bugs (unblink)")
    group.addoption("--race", action="store_true", help="explore the interleavings of every concurrent test")
    for option, name, metavar, text in _OPTIONS:
        group.addoption(option, dest=name, metavar=metavar, default=None, help=text)
        parser.addini(name, text, default="")
    group.addoption(
        "--race-include",
        dest="race_include",
        metavar="PKG",
        action="append",
        default=[],
        help="also instrument this package or module (may be given again)",
    )
    parser.addini("race_include", "packages or modules to instrument beside the project", type="args", default=[])
    group.addoption("--race-strict", action="store_true", help="notes fail the test as well")
    parser.addini("race_cancel", "cancel an asyncio task at each of its awaits, too", type="bool", default=False)
    parser.addini("race_strict", "notes fail the test as well", type="bool", default=False)
    group.addoption("--race-cancel", action="store_true", help="cancel an asyncio task at each of its awaits, too")
    group.addoption("--race-continue", action="store_true", help="go on from where the last exploration stopped")
    group.addoption("--race-replay", metavar="WITNESS", default=None, help="follow a witness in the test it is of")
    group.addoption("--race-verify", metavar="WITNESS", default=None, help="see whether what a witness shows is fixed")
    group.addoption("--race-json", metavar="FILE", default=None, help="write the machine's summary")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """With --race, have everything in place before the first conftest: what that imports is watched as well."""
    options = early_config.known_args_namespace
    if options.race or options.race_replay is not None or options.race_verify is not None:
        from unblink.runners.pytest_session import opened_session

        opened_session(early_config, options)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; with --race, load the package and put everything in place."""
    config.addinivalue_line(
        "markers",
        "race(budget=..., strict=..., stall=..., skip='why'): how `pytest --race` explores this test",
    )
    asked = [config.getoption(name) for name in ("race_replay", "race_verify")]
    if config.getoption("race") or any(asked):
        from unblink.runners.pytest_session import RacePlugin, watch_outside_of_capture

        config.pluginmanager.register(RacePlugin.configured(config), "unblink-race")
        watch_outside_of_capture(config)
