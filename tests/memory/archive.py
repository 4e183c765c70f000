"""Writes an archive of JSON Lines in the order of time, and the same lines shuffled.

The same arguments give the same bytes. Prints how many events there are.
"""

from __future__ import annotations

import argparse
import random
from array import array
from collections.abc import Iterator
from pathlib import Path

# Events of a run, and runs that are at work at once.
STEPS, AT_ONCE = 40, 200
POOL = 1 << 20


class Archive:
    """Lines of events, each with content of its own cut out of a pool that does not compress."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pool = self.random.randbytes(POOL // 2).hex()

    def line(self, run: int, step: int, tick: int) -> str:
        start = self.random.randrange(POOL - 8192)
        content = self.pool[start : start + self.random.randrange(200, 8192)]
        kind, key = [("op_start", "inputs"), ("op_end", "outputs")][step % 2]
        seconds, millis = divmod(tick, 1000)
        return (
            f'{{"event_id":"run-{run}-{step}","request_id":"run-{run}","kind":"{kind}",'
            f'"op_name":"main.step_{step // 2 % 7}","ctx":["main"],'
            f'"timestamp":"2026-03-27T01:{seconds // 60:02}:{seconds % 60:02}.{millis:03}Z",'
            f'"seq":{step},"payload":{{"{key}":"{content}"}}}}\n'
        )

    def lines(self, size: int) -> Iterator[str]:
        """Runs that overlap, in the order of time."""
        at_work = [(run, 0) for run in range(AT_ONCE)]
        written = tick = 0
        while written < size:
            place = self.random.randrange(AT_ONCE)
            run, step = at_work[place]
            line = self.line(run, step, tick)
            at_work[place] = (run, step + 1) if step + 1 < STEPS else (run + AT_ONCE, 0)
            written += len(line)
            tick += 1
            yield line


def write_in_order(path: Path, size: int) -> array[int]:
    """Writes the archive and returns where its lines begin, and where the last one ends."""
    places = array("q", [0])
    with path.open("w", encoding="ascii", newline="\n") as file:
        for line in Archive(1).lines(size):
            file.write(line)
            places.append(places[-1] + len(line))
    return places


def write_shuffled(path: Path, in_order: Path, places: array[int]) -> None:
    order = list(range(len(places) - 1))
    random.Random(2).shuffle(order)
    with in_order.open("rb") as source, path.open("wb") as file:
        for line in order:
            source.seek(places[line])
            file.write(source.read(places[line + 1] - places[line]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in-order", type=Path, required=True)
    parser.add_argument("--shuffled", type=Path, required=True)
    parser.add_argument("--mib", type=int, required=True)
    arguments = parser.parse_args()
    places = write_in_order(arguments.in_order, arguments.mib << 20)
    write_shuffled(arguments.shuffled, arguments.in_order, places)
    print(len(places) - 1)


if __name__ == "__main__":
    main()
