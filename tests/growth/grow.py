"""Exports archives that grow and compares each lake, row for row, with one export of the whole.

An archive is appended to in pieces that end anywhere, mostly in the middle of a line and of runs, and
exported after each. Then it is exported once more, with what is open closed. The rows of every table,
partitions included, must be those of one export of the whole, each as often. Other cases compress the
archive anew for each export, spread it over two files that grow in turn, or kill an export on the way.
Prints one line of figures and exits with 1 if any of this does not hold, or if a lake that is wrong on
purpose passes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb

GENERATOR = Path(__file__).resolve().parent.parent / "readers" / "generate.py"
TABLES = ("events", "ops", "groups", "runs", "links")
WITHOUT_EVENTS = ("--tables", "ops,groups,runs,links")
PIECES = 10
EVENTS = 3000
DEADLINE_SECONDS = 120


class Case(NamedTuple):
    """How an archive grows, how its lakes are laid out, and what becomes of runs that are open."""

    grow: Callable[[Growth], None]
    layout: tuple[str, ...] = ()
    open_runs: str | None = None


class Growth:
    """One archive and its lakes in a folder of their own."""

    def __init__(self, runtrail: Path, folder: Path, seed: int, case: Case) -> None:
        self.runtrail, self.folder, self.layout = runtrail, folder, case.layout
        self.random = random.Random(seed)
        # A setting of the caller's own must not make another export of it.
        own = {name: value for name, value in os.environ.items() if not name.startswith("RUNTRAIL_")}
        self.environment = own
        self.sums: Counter[str] = Counter()
        folder.mkdir()
        whole = folder / "whole.jsonl"
        generate = [GENERATOR, "--events", str(EVENTS), "--seed", str(seed), "--out", whole]
        subprocess.run([sys.executable, *generate], check=True)
        self.data = whole.read_bytes()
        self.export("once", whole)
        if case.open_runs is not None:
            self.environment = own | {"RUNTRAIL_OPEN_RUNS": case.open_runs}

    def command(self, lake: str, *sources: Path, more: tuple[str, ...] = ()) -> list[str]:
        names = [str(source) for source in sources]
        to = ["--to", str(self.folder / lake), "--format", "json"]
        return [str(self.runtrail), "export", *names, *to, *self.layout, *more]

    def export(self, lake: str, *sources: Path, more: tuple[str, ...] = ()) -> dict:
        ended = subprocess.run(
            self.command(lake, *sources, more=more),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        if ended.returncode not in (0, 3):
            sys.exit(f"growth: exit code {ended.returncode}: {ended.stderr}")
        summary = json.loads(ended.stdout)
        for key in ("runs_rewritten", "runs_carried", "duplicates"):
            self.sums[key] += summary[key]
        return summary

    def pieces(self) -> list[bytes]:
        cuts = sorted(self.random.sample(range(1, len(self.data)), PIECES - 1))
        return [
            self.data[start:end] for start, end in zip([0, *cuts], [*cuts, len(self.data)])
        ]

    def appended(self, disturb: Callable[[list[str]], None] | None = None) -> None:
        grown = self.folder / "grown.jsonl"
        for piece in self.pieces():
            with grown.open("ab") as file:
                file.write(piece)
            if disturb is not None:
                disturb(self.command("lake", grown))
            self.export("lake", grown)
        self.export("lake", grown, more=("--open-runs", "truncate"))

    def killed(self) -> None:
        """Every export is killed at some moment first."""

        def kill(command: list[str]) -> None:
            process = subprocess.Popen(
                command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(self.random.random() * 0.15)
            process.kill()
            self.sums["killed"] += process.wait() == -signal.SIGKILL

        self.appended(kill)

    def compressed(self) -> None:
        grown = self.folder / "grown.jsonl.gz"
        so_far = b""
        for piece in self.pieces()[: PIECES // 2]:
            so_far += piece
            grown.write_bytes(gzip.compress(so_far, mtime=0))
            self.export("lake", grown, more=("--replace",))
        grown.write_bytes(gzip.compress(self.data, mtime=0))
        self.export("lake", grown, more=("--replace",))

    def in_two_files(self) -> None:
        lines = self.data.splitlines(keepends=True)
        files = [self.folder / "a.jsonl", self.folder / "b.jsonl"]
        step = -(-len(lines) // PIECES)
        for at in range(0, len(lines), step):
            file = files[at // step % 2]
            with file.open("ab") as out:
                out.write(b"".join(lines[at : at + step]))
            self.export("lake", *[file for file in files if file.exists()])
        self.export("lake", *files, more=("--open-runs", "truncate"))

    def overlapping(self) -> None:
        """Files that hold the same events in part: each event is there once."""
        lines = self.data.splitlines(keepends=True)
        third = len(lines) // 3
        for name, part in (("a", lines[: 2 * third]), ("b", lines[third:])):
            file = self.folder / f"{name}.jsonl"
            file.write_bytes(b"".join(part))
            self.export("lake", file)

    def differences(self, lake: str = "lake") -> list[str]:
        found = []
        for table in TABLES:
            there, wanted = (self.rows(name, table) for name in (lake, "once"))
            lacking, extra = wanted - there, there - wanted
            if lacking or extra:
                example = next(iter(lacking or extra))
                counts = f"{lacking.total()} rows lack, {extra.total()} are extra"
                found.append(f"{table}: {counts}, such as {example}")
            self.sums["rows"] += wanted.total()
        return found

    def rows(self, lake: str, table: str) -> Counter[str]:
        folder = self.folder / lake / table
        if not folder.is_dir():
            return Counter()
        query = f"select columns(*)::varchar from read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
        return Counter(map(repr, duckdb.execute(query).fetchall()))

    def control(self) -> bool:
        """Whether a lake that lacks a part is told from a whole one."""
        part = next((self.folder / "lake").glob("*/**/*.parquet"))
        part.unlink()
        return bool(self.differences())


CASES = {
    "appended": Case(Growth.appended),
    "appended, by hour": Case(Growth.appended, ("--partition", "hour", "--threads", "1")),
    "appended, carried": Case(Growth.appended, open_runs="carry"),
    "appended, closed": Case(Growth.appended, open_runs="truncate"),
    "appended, events alone": Case(Growth.appended, ("--tables", "events")),
    "killed": Case(Growth.killed),
    "compressed": Case(Growth.compressed),
    "in two files": Case(Growth.in_two_files),
    "overlapping": Case(Growth.overlapping),
    "appended, without events": Case(Growth.appended, WITHOUT_EVENTS),
    "appended, closed, without events": Case(Growth.appended, WITHOUT_EVENTS, "truncate"),
    "killed, without events": Case(Growth.killed, WITHOUT_EVENTS),
    "in two files, without events": Case(Growth.in_two_files, WITHOUT_EVENTS),
    "appended, ops alone": Case(Growth.appended, ("--tables", "ops")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtrail", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    sums: Counter[str] = Counter()
    failures, controls = [], 0
    cases = {name: case for name, case in CASES.items() if arguments.only in (None, name)}
    for number, (name, case) in enumerate(cases.items()):
        with tempfile.TemporaryDirectory() as scratch:
            seed = arguments.seed * 100 + number
            growth = Growth(arguments.runtrail, Path(scratch) / "case", seed, case)
            case.grow(growth)
            failures += [f"{name}, seed {seed}: {what}" for what in growth.differences()]
            controls += growth.control()
            sums += growth.sums
    for failure in failures:
        print(f"growth: {failure}", file=sys.stderr)
    print(
        f"growth: {len(cases)} archives in {PIECES} pieces each, {sums['killed']} exports killed,"
        f" {sums['runs_rewritten']} runs written anew, {sums['runs_carried']} carried,"
        f" {sums['rows']} rows compared, {len(failures)} differences;"
        f" {controls} of {len(cases)} controls found"
    )
    if failures or controls < len(cases):
        sys.exit(1)


if __name__ == "__main__":
    main()
