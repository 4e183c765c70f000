"""Measures `runtrail export` beside DuckDB's COPY of the same archive, in the same run.

The contenders take turns, so that a change of the machine's pace meets all of them. Prints a
Markdown table of medians, and their ratios to DuckDB's.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from measured import MIB, checked, heading, parser, row, run, tell  # noqa: E402


class Figures(NamedTuple):
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: float
    output_bytes: float


class Contender(NamedTuple):
    name: str
    command: Callable[[Path], list[str]]


DUCKDB = "DuckDB COPY"
HEADINGS = ("CPU s", "wall s", "peak MiB", "output MiB")
RATIO_HEADINGS = ("CPU ÷ DuckDB", "wall ÷ DuckDB", "peak ÷ DuckDB", "output ÷ DuckDB")


def contenders(arguments: argparse.Namespace) -> list[Contender]:
    archive = str(arguments.archive)

    def duckdb(output: Path) -> list[str]:
        file = str(output / "events.parquet")
        script = str(HERE / "duckdb_copy.py")
        memory = [arguments.duckdb_memory] if arguments.duckdb_memory else []
        return [sys.executable, script, archive, file, str(arguments.threads), *memory]

    def runtrail(tables: str) -> Callable[[Path], list[str]]:
        options = ["--tables", tables, "--threads", str(arguments.threads), "--partition", "none"]
        options += ["--memory", arguments.memory] if arguments.memory else []
        program = str(arguments.runtrail)
        return lambda output: [program, "export", archive, "--to", str(output / "lake"), *options]

    peer = [] if arguments.skip_duckdb else [Contender(DUCKDB, duckdb)]
    return peer + [
        Contender("runtrail, events", runtrail("events")),
        Contender("runtrail, four tables", runtrail("events,ops,groups,runs")),
    ]


def measure(contender: Contender, scratch: Path) -> Figures:
    output = Path(tempfile.mkdtemp(dir=scratch))
    try:
        command = contender.command(output)
        taken = run(contender.name, command, scratch / "child.log")
        files = [path for path in output.rglob("*.parquet") if path.is_file()]
        if not files:
            raise SystemExit(f"measure: {contender.name} wrote no Parquet file")
        return Figures(*taken, output_bytes=sum(path.stat().st_size for path in files))
    finally:
        shutil.rmtree(output)


def medians(rounds: list[Figures]) -> Figures:
    return Figures(*(statistics.median(values) for values in zip(*rounds)))


def table(results: dict[str, Figures]) -> str:
    peer = results.get(DUCKDB)
    headings = ["", *HEADINGS, *(RATIO_HEADINGS if peer else ())]
    lines = [row(headings), row(["---", *["---:"] * (len(headings) - 1)])]
    for name, figures in results.items():
        cells = [
            f"{figures.cpu_seconds:.2f}",
            f"{figures.wall_seconds:.2f}",
            f"{figures.peak_bytes / MIB:,.0f}",
            f"{figures.output_bytes / MIB:,.1f}",
        ]
        if peer:
            cells += [f"{own / other:.3f}" for own, other in zip(figures, peer)]
        lines.append(row([name, *cells]))
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    options = parser(prog="benches/export/run", description=__doc__)
    options.add_argument("--duckdb-memory", help="DuckDB's memory_limit (default: its own)")
    options.add_argument("--skip-duckdb", action="store_true")
    return checked(options)


def main() -> None:
    arguments = parse_arguments()
    rounds: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        for number in range(1, arguments.rounds + 1):
            for contender in contenders(arguments):
                figures = measure(contender, Path(scratch))
                rounds.setdefault(contender.name, []).append(figures)
                tell(number, contender.name, figures.cpu_seconds, figures.wall_seconds)
    print(heading(arguments))
    print(table({name: medians(figures) for name, figures in rounds.items()}))


if __name__ == "__main__":
    main()
