"""The commands and their options. Exit status: 0 nothing failed, 1 something did, 2 a usage error, 130 Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from unblink.model.errors import DivergenceError, UnblinkError

_BUDGET = "Bound of the search: executions (1000x), a time (5s), or both with a comma."


class _Commands(click.Group):
    """Turns our errors into one line and exit status 2, and Ctrl-C into 130."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except DivergenceError as problem:
            click.echo(f"unblink: {problem}", err=True)
            context.exit(1)
        except UnblinkError as problem:
            click.echo(f"unblink: {problem}", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("unblink: interrupted", err=True)
            context.exit(130)


@click.group(cls=_Commands)
@click.version_option(package_name="unblink")
def main() -> None:
    """Find, replay, explain and prove fixed the concurrency bugs of Python programs."""


_SCRIPT = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@main.command(context_settings=_SCRIPT)
@click.option("--race-budget", "budget", default="1000x,5s", show_default=True, help=_BUDGET)
@click.option("--race-seed", "seed", default="0", show_default=True, help="Seed of the search.")
@click.option("--race-stall", "stall", default="1", show_default=True, help="Most seconds that tasks are held back.")
@click.option(
    "--race-strategy",
    "strategy",
    default="auto",
    show_default=True,
    help="auto, random, pct, pos, surw, reads-from or dpor.",
)
@click.option("--race-include", "include", multiple=True, metavar="PKG", help="Also instrument this package.")
@click.option("--race-json", "summary", metavar="FILE", help="Write the machine's summary.")
@click.option("--race-replay", "witness", metavar="WITNESS", help="Follow a witness instead of searching.")
@click.option("-m", "module", metavar="MODULE", help="Run a module instead of a script.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    budget: str,
    seed: str,
    stall: str,
    strategy: str,
    include: tuple[str, ...],
    summary: str | None,
    witness: str | None,
    module: str | None,
    arguments: tuple[str, ...],
) -> NoReturn:
    """Explore the interleavings of SCRIPT (or -m MODULE) with its ARGUMENTS."""
    from unblink.exploration.settings import Settings, parse_budget, parse_seed, parse_stall, parse_strategy
    from unblink.runners.script import Script, explore_script, replay_script

    settings = Settings(parse_budget(budget), parse_strategy(strategy), parse_seed(seed), parse_stall(stall))
    script = Script.named(module, list(arguments))
    if witness is not None:
        result = replay_script(script, witness, include)
    else:
        result = explore_script(script, settings, include)
    click.echo(result.report(width=_width(), color=_wants_color()), color=True)
    if summary is not None:
        _write_summary(Path(summary), result)
    if result.interrupted:
        sys.exit(130)
    sys.exit(1 if result.failure is not None else 0)


@main.command()
@click.argument("witness")
def replay(witness: str) -> NoReturn:
    """Run what WITNESS is of, along its schedule."""
    from unblink.schedule import witness_file

    target = witness_file.load(witness).target
    if "::" in target:
        _become_pytest(target, f"--race-replay={witness}")
    from unblink.runners.script import Script, replay_script

    result = replay_script(Script.of_target(target), witness, ())
    click.echo(result.report(width=_width(), color=_wants_color()), color=True)
    sys.exit(1)


@main.command()
@click.option("--race-budget", "budget", default="1000x,5s", show_default=True, help=_BUDGET)
@click.argument("witness")
def verify(budget: str, witness: str) -> NoReturn:
    """See whether the bug of WITNESS is fixed: its schedule, its neighbourhood, then the search."""
    from unblink.exploration.settings import Settings, parse_budget
    from unblink.schedule import witness_file

    settings = Settings(parse_budget(budget))
    target = witness_file.load(witness).target
    if "::" in target:
        _become_pytest(target, f"--race-verify={witness}", f"--race-budget={budget}")
    from unblink.explain.certificate_text import certificate_lines
    from unblink.exploration.verifying import write
    from unblink.runners.script import Script, verify_script

    certificate, result = verify_script(Script.of_target(target), witness, settings)
    kept = write(certificate, ".unblink", witness)
    if not certificate.is_fixed:
        click.echo(result.report(width=_width(), color=_wants_color()), color=True)
    click.echo("\n".join(certificate_lines(certificate, path=kept)))
    sys.exit(0 if certificate.is_fixed else 1)


@main.command()
@click.argument("witness")
def explain(witness: str) -> None:
    """Say in words what schedule WITNESS holds, without running anything."""
    from unblink.explain.witness_text import describe_witness
    from unblink.schedule import witness_file

    click.echo(describe_witness(witness_file.load(witness), path=witness, width=_width()))


@main.command()
@click.argument("names", nargs=-1)
def demo(names: tuple[str, ...]) -> NoReturn:
    """Hunt the bugs of the five systems that come with unblink."""
    from unblink.cli.demo import show

    sys.exit(show(names))


def _become_pytest(*arguments: str) -> NoReturn:
    from unblink.cli.demo import need_pytest

    need_pytest("a witness of a test")
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


def _width() -> int:
    return max(min(os.get_terminal_size().columns, 140), 80) if sys.stdout.isatty() else 100


def _wants_color() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _write_summary(path: Path, result: object) -> None:
    from unblink.explain.json_summary import json_summary

    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps([json_summary(result)], indent=1) + "\n", encoding="utf-8")  # type: ignore[arg-type]
    temporary.replace(path)
