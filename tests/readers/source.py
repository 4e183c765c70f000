"""Reads event archives with Python's own json module and no code of Runtrail's.

usage: source.py SOURCE...    prints what each archive holds
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from exact_json import LENIENT, Members, Number, canonical
from promoted import as_bigint, promote

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_WINDOW = 16 + zlib.MAX_WBITS
DECOMPRESS_STEP = 1 << 16

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
    r"(?:[Zz]|([+-])(\d\d):?(\d\d))"
)
WITHOUT_OFFSET = re.compile(r"[^Tt ]+[Tt ][\d:.]+")
KNOWN_FIELDS = (
    "event_id", "request_id", "kind", "op_name", "ctx", "timestamp", "seq", "payload",
)  # fmt: skip

# By event id, what was already read under it.
Contents = dict[str, set[tuple[Any, ...]]]
ParseTime = Callable[[str], int]

# Brackets and commas between values make an array, lines, and an array followed by lines one case.
BETWEEN_VALUES = re.compile(r"[ \t\r\n,\[\]]*")
PRETTY_OPENER = re.compile(r"\{[ \t\r]*\n")
UNDECODABLE = re.compile("[\udc80-\udcff]")


class Event(NamedTuple):
    """One event as every reader of a lake has to see it."""

    event_id: str
    request_id: str
    kind: str
    op_name: str | None
    ctx: tuple[str, ...]
    nanos: int
    seq: int
    payload: str
    extra: str | None
    promoted: dict[str, Any]

    def content(self) -> tuple[Any, ...]:
        # The promoted columns follow from kind and payload.
        return self[: Event._fields.index("promoted")]


class Reject(NamedTuple):
    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass
class Reading:
    """What one SOURCE holds, exact repeats (also of earlier sources) taken out."""

    source: str
    events: list[Event] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    repeats: int = 0
    conflicts: int = 0

    def summary(self) -> str:
        records = len(self.events) + self.repeats + len(self.rejects)
        runs = len({event.request_id for event in self.events})
        return (
            f"{self.source}: records {records:,} = events {len(self.events):,}"
            f" + repeats {self.repeats:,} + bad {len(self.rejects):,};"
            f" runs {runs:,}, conflicts {self.conflicts:,}"
        )


def read_sources(sources: Iterable[str], assume_utc: bool = False) -> list[Reading]:
    """Reads the sources as one archive; `assume_utc` takes a time without an offset as UTC."""
    seen: Contents = defaultdict(set)
    parse_time = nanos_assuming_utc if assume_utc else nanos_of
    return [_read_source(source, seen, parse_time) for source in sources]


def _read_source(source: str, seen: Contents, parse_time: ParseTime) -> Reading:
    reading = Reading(source)
    for path in archive_files(Path(source)):
        for found in read_file(path, parse_time):
            if isinstance(found, Reject):
                reading.rejects.append(found)
                continue
            contents = seen[found.event_id]
            if found.content() in contents:
                reading.repeats += 1
                continue
            reading.conflicts += bool(contents)
            contents.add(found.content())
            reading.events.append(found)
    return reading


def archive_files(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted(path for path in source.rglob("*") if path.is_file())
    return [source]


def read_file(path: Path, parse_time: ParseTime) -> Iterator[Event | Reject]:
    data, whole = decompress(path.read_bytes())
    text = data.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")
    for start, end, found in values(text):
        if isinstance(found, str):
            # The value that a cut stream breaks off in is the same damage as the cut.
            if not (end == len(text) and not whole):
                yield _reject(path, text, start, found)
        elif UNDECODABLE.search(text, start, end):
            yield _reject(path, text, start, "not UTF-8")
        else:
            try:
                yield event_of(found, parse_time)
            except (ValueError, RecursionError) as error:
                yield _reject(path, text, start, str(error))
    if not whole:
        yield _reject(path, text, len(text), "the compressed stream is cut or damaged")


def _reject(path: Path, text: str, start: int, reason: str) -> Reject:
    return Reject(path, text.count("\n", 0, start) + 1, reason)


def decompress(data: bytes) -> tuple[bytes, bool]:
    """The content, and whether the compressed stream ended as it should."""
    if data.startswith(GZIP_MAGIC):
        return _inflate(data, lambda: zlib.decompressobj(GZIP_WINDOW))
    if data.startswith(ZSTD_MAGIC):
        return _inflate(data, lambda: zstandard.ZstdDecompressor().decompressobj())
    return data, True


def _inflate(data: bytes, new_decoder: Callable[[], Any]) -> tuple[bytes, bool]:
    decoder, pieces = new_decoder(), []
    try:
        # In steps, so that what stands before the damage is not lost with it.
        for start in range(0, len(data), DECOMPRESS_STEP):
            rest = data[start : start + DECOMPRESS_STEP]
            while rest:
                if decoder.eof:
                    decoder = new_decoder()
                pieces.append(decoder.decompress(rest))
                rest = decoder.unused_data if decoder.eof else b""
    except (zlib.error, zstandard.ZstdError):
        return b"".join(pieces), False
    return b"".join(pieces), decoder.eof


def values(text: str) -> Iterator[tuple[int, int, Members | str]]:
    """Every top-level JSON object of a text as (start, end, object), or the reason in its place."""
    position = BETWEEN_VALUES.match(text, 0).end()
    while position < len(text):
        start = position
        try:
            value, position = LENIENT.raw_decode(text, start)
            found = value if isinstance(value, Members) else "not a JSON object"
        except json.JSONDecodeError as error:
            found, position = error.msg, _next_value(text, start)
        except RecursionError:
            found, position = "nested too deeply", _next_value(text, start)
        yield start, position, found
        position = BETWEEN_VALUES.match(text, position).end()


def _next_value(text: str, start: int) -> int:
    """Where reading goes on after a value that is broken."""
    if PRETTY_OPENER.match(text, start):
        indent = text[text.rfind("\n", 0, start) + 1 : start]
        follower = re.compile(rf"^{re.escape(indent)}\{{", re.MULTILINE).search(text, start + 1)
        return follower.start() if follower else len(text)
    line_end = text.find("\n", start)
    return len(text) if line_end < 0 else line_end


def event_of(record: Members, parse_time: ParseTime) -> Event:
    """The event of one record; raises ValueError where Runtrail has to quarantine it."""
    kind = _required_text(record, "kind")
    payload = record.get("payload")
    if payload is None:
        payload = Members()
    if not isinstance(payload, Members):
        raise ValueError("payload is not an object")
    return Event(
        event_id=_required_text(record, "event_id"),
        request_id=_required_text(record, "request_id"),
        kind=kind,
        op_name=_op_name(record),
        ctx=_ctx(record),
        nanos=parse_time(_required_text(record, "timestamp")),
        seq=_seq(record),
        payload=canonical(payload),
        extra=_extra(record),
        promoted=promote(kind, LENIENT.decode(canonical(payload))),
    )


def _required_text(record: Members, key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is missing or not a string")
    return value


def _op_name(record: Members) -> str | None:
    value = record.get("op_name")
    if value is not None and not isinstance(value, str):
        raise ValueError("op_name is not a string")
    return value


def _ctx(record: Members) -> tuple[str, ...]:
    value = record.get("ctx")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(segment, str) for segment in value):
        raise ValueError("ctx is not a list of strings")
    return tuple(value)


def _seq(record: Members) -> int:
    value = record.get("seq")
    if not isinstance(value, Number) or not re.fullmatch(r"-?\d+", value.text):
        raise ValueError("seq is missing or not an integer")
    seq = as_bigint(value)
    if seq is None:
        raise ValueError("seq does not fit 64 bits")
    return seq


def _extra(record: Members) -> str | None:
    unknown = Members(pair for pair in record if pair[0] not in KNOWN_FIELDS)
    return canonical(unknown) if unknown else None


def nanos_of(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time; raises ValueError without a UTC offset."""
    match = TIMESTAMP.fullmatch(text)
    if not match:
        raise ValueError(f"timestamp {text!r} is not RFC 3339 with a UTC offset")
    *parts, fraction, sign, hours, minutes = match.groups()
    moment = datetime(*map(int, parts), tzinfo=UTC)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if offset >= timedelta(days=1):
        raise ValueError(f"timestamp {text!r} has an impossible UTC offset")
    utc = moment + offset if sign == "-" else moment - offset
    seconds = (utc - EPOCH) // timedelta(seconds=1)
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))


def nanos_assuming_utc(text: str) -> int:
    """`nanos_of`, where a time without an offset is UTC."""
    return nanos_of(text + "Z" if WITHOUT_OFFSET.fullmatch(text) else text)


def main(sources: list[str]) -> int:
    if not sources:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    for reading in read_sources(sources):
        print(reading.summary())
        for reject in reading.rejects:
            print(f"  {reject}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
