"""Measures `runtrail verify` beside the `runtrail export` that wrote the lake, in the same run.

They take turns, so that a change of the machine's pace meets all of them. Prints a Markdown table of
medians, and what verifying costs of the export's CPU time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20
READ_STEP = MIB
# Bytes on macOS, KiB elsewhere.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024

EXPORT = "export"
HEADINGS = ("CPU s", "wall s", "peak MiB", "CPU ÷ export")


class Figures(NamedTuple):
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: float


def commands(arguments: argparse.Namespace, lake: Path) -> dict[str, list[str]]:
    program, archive = str(arguments.runtrail), str(arguments.archive)
    options = ["--threads", str(arguments.threads)]
    options += ["--memory", arguments.memory] if arguments.memory else []
    verify = [program, "verify", archive, "--lake", str(lake), *options]
    return {
        EXPORT: [program, "export", archive, "--to", str(lake), *options],
        "verify --quick": [*verify, "--quick"],
        "verify": verify,
        "verify --deep": [*verify, "--deep"],
    }


def run(name: str, command: list[str], log: Path) -> Figures:
    # Pages that the one before left to be written would be paid for by this one.
    os.sync()
    started = time.monotonic()
    with log.open("wb") as out:
        redirect = [(os.POSIX_SPAWN_DUP2, out.fileno(), descriptor) for descriptor in (1, 2)]
        child = os.posix_spawn(command[0], command, os.environ, file_actions=redirect)
        _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - started
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code != 0:
        sys.stderr.write(log.read_text(errors="replace"))
        raise SystemExit(f"measure: {name} ended with {exit_code}: {' '.join(command)}")
    return Figures(
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall,
        peak_bytes=usage.ru_maxrss * MAXRSS_UNIT,
    )


def warm(archive: Path) -> None:
    """Reads the archive once: the first to be measured would pay for the disk alone."""
    with archive.open("rb", buffering=0) as file:
        while file.read(READ_STEP):
            pass


def medians(rounds: list[Figures]) -> Figures:
    return Figures(*(statistics.median(values) for values in zip(*rounds)))


def table(results: dict[str, Figures]) -> str:
    export = results[EXPORT].cpu_seconds
    lines = [row(["", *HEADINGS]), row(["---", *["---:"] * len(HEADINGS)])]
    for name, figures in results.items():
        cells = [
            f"{figures.cpu_seconds:.2f}",
            f"{figures.wall_seconds:.2f}",
            f"{figures.peak_bytes / MIB:,.0f}",
            f"{figures.cpu_seconds / export:.3f}",
        ]
        lines.append(row([name, *cells]))
    return "\n".join(lines)


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/verify/run", description=__doc__)
    parser.add_argument("archive", type=Path, help="JSON Lines, not compressed")
    parser.add_argument("--runtrail", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", help="given to both commands (default: theirs)")
    parser.add_argument(
        "--scratch", type=Path, help="where the lake goes (default: a temporary folder)"
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1 or not arguments.archive.is_file():
        parser.error("ARCHIVE has to be a file, and --rounds at least 1")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    warm(arguments.archive)
    rounds: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        lake, log = Path(scratch) / "lake", Path(scratch) / "child.log"
        for number in range(1, arguments.rounds + 1):
            shutil.rmtree(lake, ignore_errors=True)
            for name, command in commands(arguments, lake).items():
                figures = run(name, command, log)
                rounds.setdefault(name, []).append(figures)
                print(
                    f"round {number}: {name}: {figures.cpu_seconds:.2f} s CPU,"
                    f" {figures.wall_seconds:.2f} s wall",
                    file=sys.stderr,
                )
    size = arguments.archive.stat().st_size / MIB
    print(
        f"{arguments.archive.name}, {size:,.0f} MiB, {arguments.threads} threads,"
        f" medians of {arguments.rounds} rounds\n"
    )
    print(table({name: medians(figures) for name, figures in rounds.items()}))


if __name__ == "__main__":
    main()
