"""Kills exports with SIGKILL, at system calls and by time, and checks what is left each time.

After a kill, nothing but whole files of an undisturbed export may be visible; after the same command
again, the lake must be the undisturbed one, file by file and byte by byte. Prints one line of figures
and exits with 1 if any of this does not hold, or if a lake that is wrong on purpose passes.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from controls import largest_part, unnoticed
from exports import Exports, Point, scratch_parent, tell, thinned
from leftovers import files_of, parts_of, torn

TIMED_KILLS = 40
# Slow starts make late kills; early ends make kills that come too late to count.
TIMED_ATTEMPTS = 4 * TIMED_KILLS
# An export that was killed when it had said how it ended is one that ended.
AFTER_A_KILL = {"interrupted", "completed"}


class Kills(Exports):
    """Kills exports, and counts what came of it."""

    def __init__(self, runtrail: Path, scratch: Path, seed: int) -> None:
        super().__init__(runtrail, scratch, seed)
        self.by_call = self.by_time = self.halfway = 0

    def kill_at(self, point: Point, command: Iterable[str | Path]) -> bool:
        """Kills a command before it makes a call."""
        inject = f"inject={point.call}:signal=SIGKILL:when={point.ordinal}"
        options = ["-o", "/dev/null", "-e", f"trace={point.call}", "-e", inject]
        return self.trace(options, command).code == -signal.SIGKILL

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

    def check_killed(self, how: str) -> None:
        left = parts_of(files_of(self.lake))
        self.halfway += 0 < len(left) < len(parts_of(self.whole))
        self.check_visible(how)
        self.check_journals(how, AFTER_A_KILL)

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
    tell(kills.violations, arguments.seed)
    print(
        f"kills {kills.by_call + kills.by_time}"
        f" ({kills.by_call} at system calls, {kills.by_time} by time;"
        f" {kills.halfway} left some of {len(parts_of(kills.whole))} parts),"
        f" torn {kills.torn}, different {kills.different},"
        f" lost {kills.lost}, doubled {kills.doubled}, journals read {kills.journals}, {controls},"
        f" seed {arguments.seed}, {time.monotonic() - started:.0f} s"
    )
    return 1 if kills.violations else 0


if __name__ == "__main__":
    sys.exit(main())
