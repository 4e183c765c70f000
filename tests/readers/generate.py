"""Writes a seeded archive of JSON Lines: the same arguments give the same bytes."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

FIRST_RUN = datetime(2026, 3, 27, 22, tzinfo=UTC)
SECOND, FOUR_DAYS = 10**9, 4 * 86_400 * 10**9
OFFSETS = {"Z": 0, "+00:00": 0, "+05:30": 19_800, "-08:00": -28_800, "+14:00": 50_400}
WORDS = ["cart", "naïve", "xin chào", "你好", "😀", 'a "b"', "tab\there", "<i>&amp;", "\u2028", ""]
ODD_JSON = r"""
1.10 -0.0 1E+2 0.1000000000000000055511151231257827 18446744073709551616 -9223372036854775809
1234567890123456789012345.000 NaN -Infinity [Infinity,null] "\ud83dlone" "\u0000\udc00"
"\ud83d\ude00\/" {"b":1,"a":{"z":[],"b":{}},"b":2} [[[[{"deep":[1.0,1.00,true]}]]]] "" {} null
""".split()
# What is said of a source in a note of a link; some of it is too little for a link.
LINK_SOURCES = (
    {"source": "event", "from_event_id": "order-1", "from_request_id": "shop-7"},
    {"from_event_id": "order-2"},
    {"source": "run", "from_request_id": "shop-8"},
    {"from_request_id": "shop-9", "from_event_id": None},
    {"source": "clock", "from_id": "nine"},
    {"source": "file", "from_id": "/in/naïve.csv", "from_event_id": "not-read"},
    {"source": "event", "from_request_id": "shop-1"},
    {"source": 7},
)
# Values that do not fit the promoted column of their key, and a few that only just do.
MISFITS = '"12" true null 2.5 3.0 4e2 9007199254740993 9223372036854775808 {} -1'.split()


class Step(NamedTuple):
    kind: str
    op: str | None
    ctx: list[str]
    payload: str


class Line(NamedTuple):
    nanos: int
    run: int
    seq: int
    text: str


def members(**texts: str) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}"


class Generator:
    """Every odd shape goes through `maybe`, so that a plain archive has none of them."""

    def __init__(self, seed: int, odd: bool) -> None:
        self.random, self.odd = random.Random(seed), odd

    def maybe(self, chance: float) -> bool:
        return self.odd and self.random.random() < chance

    def value(self) -> str:
        if self.maybe(0.3):
            return self.random.choice(ODD_JSON)
        words = self.random.choices(WORDS, k=self.random.randint(1, 20))
        value = {"text": " ".join(words), "n": round(self.random.random(), 4), "first": words[:2]}
        return json.dumps(value, ensure_ascii=False)

    def typed(self, value: object) -> str:
        return self.random.choice(MISFITS) if self.maybe(0.08) else json.dumps(value)

    def op(self, op: str, ctx: list[str], inner: Sequence[Step] = (), items: int = 1) -> list[Step]:
        start = Step("op_start", op, ctx, members(inputs=self.value(), media_refs="[]"))
        if self.maybe(0.05):
            return [start, *inner]
        status = self.random.choices(["ok", "error", "cancelled", "half"], [40, 3, 1, self.odd])[0]
        end = {"outputs": self.value(), "status": self.typed(status)}
        end["duration_ms"] = self.typed(self.random.expovariate(0.05))
        end["yield_count"] = self.typed(items)
        if status == "error":
            end["error"] = '{"type":"Timeout","message":"no\\nanswer"}'
        return [start, *inner, Step("op_end", op, ctx, members(**end))]

    def llm(self, ctx: list[str]) -> list[Step]:
        asked, answered = self.random.randrange(4000), self.random.randrange(500)
        usage = {"model": self.random.choice(['"small-1"', '"large-2"'])}
        usage |= {"prompt_tokens": self.typed(asked), "completion_tokens": str(answered)}
        usage["total_tokens"] = str(asked + answered)
        if self.random.random() < 0.7:
            usage["cost_usd"] = self.typed(asked * 2.5e-6)
        return self.op("main.llm", ctx, [Step("llm_usage", "main.llm", ctx, members(**usage))])

    def items(self, ctx: list[str]) -> list[Step]:
        inner: list[Step] = []
        count = self.random.randint(0, 5)
        for index in range(count):
            item = [*ctx, f"[{index}]"]
            payload = members(yielded=self.value(), idx=self.typed(index))
            inner += [Step("op_yield", "main.split", item, payload), *self.op("main.part", item)]
        collector = self.op("main.join", [*ctx, "[0]", "__collect__"])
        return self.op("main.split", ctx, inner, count) + collector

    def notes(self, ctx: list[str]) -> list[Step]:
        size = self.typed(self.random.randrange(10**7))
        handle = f'"blob:{self.random.random()}"'
        media = members(handle=handle, mime='"image/png"', size_bytes=size)
        note = members(key=self.typed("score"), value=self.value())
        kinds = {"annotation": note, "media_ref": media}
        if self.maybe(0.3):
            kinds["checkpoint"] = '{"status":"ok","idx":1,"name":"x"}'
        inner = [Step(kind, "main.see", ctx, payload) for kind, payload in kinds.items()]
        return self.op("main.see", ctx, inner)

    def link(self) -> str:
        link = self.random.choice(LINK_SOURCES) | {"trigger_id": "on-order", "later": [1]}
        if self.maybe(0.5):
            link |= {"condition_id": self.random.choice(WORDS), "trigger_run_id": "firing-1"}
        if not self.maybe(0.1):
            at = self.timestamp(self.random.randrange(FOUR_DAYS))
            link["at"] = at.removesuffix("Z") if self.maybe(0.3) else at
        return json.dumps(link)

    def steps(self) -> Iterator[Step]:
        open_groups: list[str] = []
        while self.maybe(0.4):
            note = members(key='"runtrail.link"', value=self.link())
            yield Step("annotation", self.random.choice([None, "main"]), [], note)
        for turn in range(self.random.randint(1, 6)):
            open_groups.append(f'"turn-{turn % 4}"')
            yield Step("group_start", None, [], members(name=open_groups[-1], by=self.value()))
            ctx = ["main", f"loop_{turn}"] if turn else ["main"]
            yield from self.random.choice([self.llm, self.items, self.notes])(ctx)
            if self.maybe(0.3):
                yield Step("annotation", None, [], members(key='"total"', value=self.value()))
            while open_groups and not self.maybe(0.4):
                # Closing any of the open ones interleaves groups that have no ids.
                name = open_groups.pop(self.random.randrange(len(open_groups)))
                yield Step("group_end", None, [], members(name=name, status='"ok"'))

    def timestamp(self, nanos: int) -> str:
        zone = self.random.choice(list(OFFSETS)) if self.maybe(0.2) else "Z"
        seconds, rest = divmod(nanos, SECOND)
        moment = FIRST_RUN + timedelta(seconds=seconds + OFFSETS[zone])
        fraction = f".{rest:09}" if rest % 1000 else f".{rest // 1000:06}"
        if self.maybe(0.3):
            fraction = fraction.rstrip("0").rstrip(".")
        between = " " if self.maybe(0.05) else "T"
        return f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}{fraction}{zone}"

    def line(self, run: int, seq: int, nanos: int, step: Step) -> Line:
        plain = {"event_id": f"run-{run}-{seq}", "request_id": f"run-{run}", "kind": step.kind}
        plain |= {"op_name": step.op, "ctx": step.ctx}
        plain |= {"timestamp": self.timestamp(nanos), "seq": seq}
        fields = {name: json.dumps(value) for name, value in plain.items()}
        fields["payload"] = step.payload
        if self.maybe(0.03):
            fields["trace_flags"] = self.value()
        if step.kind in ("checkpoint", "annotation") and self.maybe(0.2):
            fields[self.random.choice(["op_name", "ctx", "payload"])] = "null"
            del fields[self.random.choice(["op_name", "ctx", "payload"])]
        return Line(nanos, run, seq, members(**fields))

    def run(self, run: int) -> Iterator[Line]:
        nanos = self.random.randrange(FOUR_DAYS // 1000) * 1000
        for seq, step in enumerate(self.steps()):
            nanos += 0 if self.maybe(0.1) else int(self.random.expovariate(1 / 30) * SECOND)
            grain = self.random.choice([1, 1000, 10**7, SECOND]) if self.odd else 1000
            line = self.line(run, seq, nanos - nanos % grain, step)
            yield line
            if self.maybe(0.02):
                other = step._replace(payload='{"again":1}')
                yield self.line(run, seq, line.nanos + self.random.randrange(2), other)
            if self.maybe(0.04):
                yield line._replace(text=line.text.replace('Z","seq"', '+00:00","seq"'))

    def lines(self, count: int, order: str) -> list[str]:
        lines: list[Line] = []
        while len(lines) < count:
            # A run id that is used again repeats its event ids with other content.
            reused = self.random.choice(lines).run if lines and self.maybe(0.05) else None
            lines += self.run(len(lines) if reused is None else reused)
        lines = sorted(lines[:count], key=lambda line: line[:3])
        if order == "shuffle":
            self.random.shuffle(lines)
        return [line.text for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--order", choices=["time", "shuffle"], default="time")
    shapes = parser.add_mutually_exclusive_group()
    shapes.add_argument("--odd", action="store_true", default=True, help="rare shapes too: default")
    shapes.add_argument("--plain", dest="odd", action="store_false", help="ordinary shapes only")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    generator = Generator(arguments.seed, arguments.odd)
    with arguments.out.open("w", encoding="utf-8", newline="\n") as file:
        for line in generator.lines(arguments.events, arguments.order):
            file.write(f"{line}\n")


if __name__ == "__main__":
    main()
