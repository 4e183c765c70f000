//! What an archive is read by when it is read in order: pieces of files and batches of events.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use runtrail_core::event::TraceEvent;
use runtrail_core::wire::WireReader;

use crate::at::ReadAt;
use crate::chunk::{Chunk, to_text};
use crate::hash::IdHasher;
use crate::options::ReadOptions;
use crate::parse::{Bad, Parsed, Place, parse};
use crate::sort::frame_at;
use crate::source::Extent;

/// Bytes of the shortest event there can be, about: the names of its fields and little else.
const SHORTEST_EVENT: u64 = 80;

/// A file that is read by pieces.
#[derive(Debug)]
pub(super) struct TextFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// What is read of it.
    pub(super) extent: Extent,
}

/// Whole lines of a file.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) file: Arc<TextFile>,
    pub(super) from: u64,
    pub(super) until: u64,
    /// The number of the first, from 1.
    pub(super) line: u64,
    /// How many there are; 0 where they are not counted.
    pub(super) count: u64,
}

impl Lines {
    fn is_last(&self) -> bool {
        self.until >= self.file.extent.until
    }

    /// Makes room for their events. Lines may be empty, and then make no event.
    fn room(&self) -> Vec<TraceEvent> {
        let most = (self.until - self.from) / SHORTEST_EVENT;
        Vec::with_capacity(self.count.min(most) as usize)
    }

    /// Reads the lines as a chunk.
    pub(super) fn read(&self) -> io::Result<Chunk> {
        let mut file = File::open(&self.file.path)?;
        file.seek(SeekFrom::Start(self.from))?;
        let len = (self.until - self.from) as usize;
        // A file's own way to read to the end does not set the memory to zero before.
        let mut bytes = Vec::with_capacity(len);
        if file.take(len as u64).read_to_end(&mut bytes)? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.chunk(bytes))
    }

    pub(super) fn chunk(&self, bytes: Vec<u8>) -> Chunk {
        let (text, original) = to_text(bytes);
        Chunk {
            text,
            original,
            byte: self.from,
            line: self.line,
            last: self.is_last(),
        }
    }
}

/// A unit of an archive: it is read, or has been, independently of the others.
#[derive(Debug)]
pub(super) enum Unit {
    Lines(Lines),
    /// Events in memory, and about the bytes of text that they keep alive.
    Held(Vec<TraceEvent>, usize),
    /// Events in a temporary file: so many frames from a place on.
    Spilled {
        file: Arc<File>,
        at: u64,
        frames: u32,
    },
}

/// What a unit holds.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) events: Vec<TraceEvent>,
    /// Bytes of text that the events keep alive, about.
    pub(super) bytes: usize,
    /// Of each event, where they were asked for.
    pub(super) hashes: Vec<Hashes>,
    pub(super) source: Option<Source>,
}

/// What an event's ids are known by. They are hashed where the event is read: there its text is at
/// hand, and whoever takes the event then need not fetch it from another processor's memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashes {
    pub(super) run: u128,
    pub(super) event: u128,
}

/// What more is known of a unit that was read from a file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) lines: Lines,
    pub(super) chunk: Chunk,
    pub(super) bad: Vec<Bad>,
    pub(super) substitutions: u64,
    /// Whether what follows in the file begins with a value, as a line does.
    pub(super) whole: bool,
}

/// A unit to read, with room for its events: the thread that will free them makes it, since
/// allocators give memory back to where it came from.
pub(super) struct ReadUnit {
    unit: Unit,
    room: Vec<TraceEvent>,
}

impl ReadUnit {
    pub(super) fn new(unit: Unit) -> Self {
        let room = match &unit {
            Unit::Lines(lines) => lines.room(),
            _ => Vec::new(),
        };
        Self { unit, room }
    }
}

/// Makes a worker that reads units, and hashes the ids of their events if it is given a hasher.
pub(super) fn unit_reader(
    options: ReadOptions,
    hasher: Option<IdHasher>,
) -> impl FnMut(ReadUnit) -> io::Result<Content> + Send + 'static {
    let mut wire = WireReader::new(options.wire);
    move |unit| {
        let mut content = read_unit(&mut wire, &options, unit)?;
        if let Some(hasher) = &hasher {
            let of_event = |event: &TraceEvent| Hashes {
                run: hasher.hash(event.request_id.as_bytes()),
                event: hasher.hash(event.event_id.as_bytes()),
            };
            content.hashes = content.events.iter().map(of_event).collect();
        }
        Ok(content)
    }
}

fn read_unit(
    wire: &mut WireReader,
    options: &ReadOptions,
    ReadUnit { unit, room }: ReadUnit,
) -> io::Result<Content> {
    match unit {
        Unit::Lines(lines) => {
            let chunk = lines.read()?;
            Ok(parse_lines(wire, options, lines, chunk, room))
        }
        Unit::Held(events, bytes) => Ok(Content {
            events,
            bytes,
            ..Content::default()
        }),
        Unit::Spilled { file, at, frames } => {
            let mut file = ReadAt::new(&file, at);
            let mut content = Content::default();
            for _ in 0..frames {
                let (mut events, bytes) = frame_at(&mut file)?;
                content.events.append(&mut events);
                content.bytes += bytes;
            }
            Ok(content)
        }
    }
}

pub(super) fn parse_lines(
    wire: &mut WireReader,
    options: &ReadOptions,
    lines: Lines,
    chunk: Chunk,
    room: Vec<TraceEvent>,
) -> Content {
    let place = Place::default();
    let Parsed {
        events,
        bad,
        substitutions,
        used,
        end,
    } = parse(wire, &chunk.text, place, chunk.last, options.max_line, room);
    let bytes = chunk.text.len();
    let source = Source {
        lines,
        bad,
        substitutions,
        whole: used == bytes && (end == place || chunk.last),
        chunk,
    };
    Content {
        events,
        bytes,
        hashes: Vec::new(),
        source: Some(source),
    }
}
