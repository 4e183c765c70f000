"""Kills exports with SIGKILL, at system calls and by time, and checks what is left each time.

After a kill, nothing but whole files of an undisturbed export may be visible; after the same command
again, the lake must be the undisturbed one, file by file and byte by byte. Prints one line of figures
and exits with 1 if any of this does not hold, or if a lake that is wrong on purpose passes.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from controls import largest_part, unnoticed
from leftovers import STAGING, TABLES, Files, different, files_of, parts_of, torn

GENERATOR = Path(__file__).resolve().parent.parent / "readers" / "generate.py"
# Enough for every table to have parts on several dates.
EVENTS = 2500
TIMED_KILLS = 40
# Slow starts make late kills; early ends make kills that come too late to count.
TIMED_ATTEMPTS = 4 * TIMED_KILLS
DEADLINE_SECONDS = 60
SHOWN_VIOLATIONS = 20
# What changes a file or a folder, opens one or makes it durable. A name with a question mark is
# one that not every architecture has.
CALLS = (
    "?open ?creat openat write pwrite64 writev ftruncate fallocate fsync fdatasync flock ?rename"
    " ?renameat renameat2 ?link linkat ?symlink symlinkat ?mkdir mkdirat ?rmdir ?unlink unlinkat"
).split()
TRACED = re.compile(r"(\d+) +(\w+)\(")


class Point(NamedTuple):
    """The `ordinal`-th call of its name; the process is killed before the call is made."""

    call: str
    ordinal: int


class Kills:
    """Exports one archive into one lake after another, and keeps the figures."""

    def __init__(self, runtrail: Path, scratch: Path, seed: int) -> None:
        self.scratch, self.lake = scratch, scratch / "lake"
        self.archive = scratch / "archive.jsonl"
        generate = [GENERATOR, "--events", str(EVENTS), "--seed", str(seed), "--out", self.archive]
        subprocess.run([sys.executable, *generate], check=True)
        self.runtrail = runtrail
        # A setting of the caller's own must not make another export of it.
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("RUNTRAIL_")
        }
        self.by_call = self.by_time = self.halfway = self.torn = self.different = 0
        self.violations: list[str] = []
        self.whole: Files = {}

    def command(self, threads: int) -> list[str | Path]:
        settings = ["--to", self.lake, "--tables", ",".join(TABLES), "--threads", str(threads)]
        return [self.runtrail, "export", self.archive, *settings]

    def finish(self, threads: int) -> str | None:
        """Runs the export to its end; says why it failed, if it did."""
        ended = subprocess.run(
            self.command(threads),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_SECONDS,
        )
        if ended.returncode == 0:
            return None
        return f"exit code {ended.returncode}: {ended.stderr.decode(errors='replace').strip()}"

    def trace(self, options: Iterable[str | Path], command: Iterable[str | Path]) -> int:
        return subprocess.run(
            ["strace", "-f", "-qq", *options, *command],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DEADLINE_SECONDS,
        ).returncode

    def kill_at(self, point: Point, command: Iterable[str | Path]) -> bool:
        inject = f"inject={point.call}:signal=SIGKILL:when={point.ordinal}"
        options = ["-o", "/dev/null", "-e", f"trace={point.call}", "-e", inject]
        return self.trace(options, command) == -signal.SIGKILL

    def kill_after(self, seconds: float, threads: int) -> int:
        with subprocess.Popen(
            self.command(threads),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(seconds)
            process.kill()
        return process.returncode

    def undisturbed(self, threads: int) -> float:
        """Exports into a fresh lake, keeps or compares its files, and returns the seconds taken."""
        self.remove_lake()
        started = time.monotonic()
        failure = self.finish(threads)
        seconds = time.monotonic() - started
        if failure is not None:
            sys.exit(f"crash: an export that nothing disturbed failed with {failure}")
        self.whole = self.whole or files_of(self.lake)
        found = different(self.lake, self.whole)
        if found:
            sys.exit(f"crash: undisturbed exports differ, --threads {threads}: {found}")
        dates = {path.split("/")[1] for path in parts_of(self.whole)}
        tables = {path.split("/")[0] for path in parts_of(self.whole)}
        if tables != set(TABLES) or len(dates) < 2:
            sys.exit(f"crash: the archive gives only {sorted(tables)} on {sorted(dates)}")
        return seconds

    def points(self) -> list[Point]:
        """Every call that an undisturbed export makes once it has made its first folder."""
        self.remove_lake()
        log = self.scratch / "trace"
        if self.trace(["-o", log, "-e", f"trace={','.join(CALLS)}"], self.command(1)) != 0:
            sys.exit("crash: an export that was only traced failed")
        ordinals: Counter[tuple[str, str]] = Counter()
        points, begun = set(), False
        for line in log.read_text(errors="replace").splitlines():
            traced = TRACED.match(line)
            if traced is None:
                continue
            thread, call = traced.groups()
            ordinals[thread, call] += 1
            begun = begun or call.startswith("mkdir")
            if begun:
                # strace counts the calls of each thread by themselves.
                points.add(Point(call, ordinals[thread, call]))
        return sorted(points)

    def check_killed(self, how: str) -> None:
        left = parts_of(files_of(self.lake))
        self.halfway += 0 < len(left) < len(parts_of(self.whole))
        found = torn(self.lake, self.whole)
        self.torn += bool(found)
        self.violations += [f"{how}: {what}" for what in found]

    def check_finished(self, how: str, threads: int) -> None:
        failure = self.finish(threads)
        found = different(self.lake, self.whole) if failure is None else [failure]
        self.different += bool(found)
        self.violations += [f"{how}, and run again: {what}" for what in found]

    def remove_lake(self) -> None:
        shutil.rmtree(self.lake, ignore_errors=True)

    def kill_by_call(self, points: Iterable[Point]) -> None:
        for point in points:
            self.remove_lake()
            how = f"--threads 1, killed at {point.call} number {point.ordinal}"
            if not self.kill_at(point, self.command(1)):
                self.violations.append(f"{how}: was not killed, though it made that call before")
                continue
            self.by_call += 1
            self.check_killed(how)
            self.check_finished(how, 1)

    def kill_by_time(self, chance: random.Random, seconds: float) -> None:
        for _ in range(TIMED_ATTEMPTS):
            if self.by_time >= TIMED_KILLS:
                return
            self.remove_lake()
            how = "--threads 2, killed"
            # The second kill hits an export that goes on from what the first has left.
            for _ in range(chance.randint(1, 2)):
                delay = chance.uniform(0, 1.2 * seconds)
                how += f" after {delay:.4f} s"
                ended = self.kill_after(delay, 2)
                if ended == -signal.SIGKILL:
                    self.by_time += 1
                    self.check_killed(how)
                elif ended != 0:
                    self.violations.append(f"{how}: ended before that with exit code {ended}")
            self.check_finished(how, 2)
        self.violations.append(f"only {self.by_time} of {TIMED_ATTEMPTS} exports died in time")


def thinned(points: list[Point], limit: int, chance: random.Random) -> list[Point]:
    """At most `limit` points of every call, chosen by chance; 0 for all."""
    chosen = []
    for call in sorted({point.call for point in points}):
        of_call = [point for point in points if point.call == call]
        chosen += sorted(chance.sample(of_call, limit)) if 0 < limit < len(of_call) else of_call
    return chosen


def careless_writer_is_found(kills: Kills, good: Path) -> bool:
    """Whether a writer that does not stage its file, killed in the same way, is seen to tear it."""
    part = largest_part(kills.whole)
    kills.remove_lake()
    (kills.lake / part).parent.mkdir(parents=True)
    copy = ["dd", f"if={good / part}", f"of={kills.lake / part}", "bs=4096", "status=none"]
    return kills.kill_at(Point("write", 2), copy) and bool(torn(kills.lake, kills.whole))


def run_controls(kills: Kills, by_call: bool) -> str:
    kills.undisturbed(1)
    good = kills.scratch / "good"
    kills.lake.rename(good)
    count, silent = unnoticed(good, kills.whole, kills.scratch)
    if by_call:
        count += 1
        if not careless_writer_is_found(kills, good):
            silent.append("a writer that stages nothing")
    kills.violations += [f"control not found: {what}" for what in silent]
    return f"controls found {count - len(silent)} of {count}"


def scratch_parent() -> str | None:
    """A folder in memory where there is one: what a process wrote survives its kill on any of them."""
    memory = "/dev/shm"
    return memory if os.path.isdir(memory) and os.access(memory, os.W_OK | os.X_OK) else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtrail", type=Path)
    parser.add_argument("--by-call", action="store_true", help="kill at system calls too: strace")
    parser.add_argument("--points", type=int, default=20, help="of every call; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch_parent()) as scratch:
        kills = Kills(arguments.runtrail, Path(scratch), arguments.seed)
        controls = run_controls(kills, arguments.by_call)
        if arguments.by_call:
            kills.kill_by_call(thinned(kills.points(), arguments.points, chance))
        kills.kill_by_time(chance, kills.undisturbed(2))
    if kills.halfway == 0:
        kills.violations.append("no kill left a part of a lake: nothing was proved")
    for violation in kills.violations[:SHOWN_VIOLATIONS]:
        print(f"crash: seed {arguments.seed}: {violation}", file=sys.stderr)
    print(
        f"kills {kills.by_call + kills.by_time}"
        f" ({kills.by_call} at system calls, {kills.by_time} by time;"
        f" {kills.halfway} left some of {len(parts_of(kills.whole))} parts),"
        f" torn {kills.torn}, different {kills.different}, {controls},"
        f" seed {arguments.seed}, {time.monotonic() - started:.0f} s"
    )
    return 1 if kills.violations else 0


if __name__ == "__main__":
    sys.exit(main())
