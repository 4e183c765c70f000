"""Measures `runtrail verify` beside the `runtrail export` that wrote the lake, in the same run.

They take turns, so that a change of the machine's pace meets all of them. Prints a Markdown table of
medians, and what verifying costs of the export's CPU time.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from measured import MIB, Taken, checked, heading, parser, row, run, tell  # noqa: E402

EXPORT = "export"
HEADINGS = ("CPU s", "wall s", "peak MiB", "CPU ÷ export")


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


def medians(rounds: list[Taken]) -> Taken:
    return Taken(*(statistics.median(values) for values in zip(*rounds)))


def table(results: dict[str, Taken]) -> str:
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


def main() -> None:
    arguments = checked(parser(prog="benches/verify/run", description=__doc__))
    rounds: dict[str, list[Taken]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        lake, log = Path(scratch) / "lake", Path(scratch) / "child.log"
        for number in range(1, arguments.rounds + 1):
            shutil.rmtree(lake, ignore_errors=True)
            for name, command in commands(arguments, lake).items():
                figures = run(name, command, log)
                rounds.setdefault(name, []).append(figures)
                tell(number, name, figures.cpu_seconds, figures.wall_seconds)
    print(heading(arguments))
    print(table({name: medians(figures) for name, figures in rounds.items()}))


if __name__ == "__main__":
    main()
