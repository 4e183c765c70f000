//! The wire format: one event, one JSON object.
//!
//! [`WireReader`] reads ordinary objects in one pass that allocates next to nothing, and hands
//! everything else (escapes in names, Python's `NaN`, repeated keys, …) to an exact reader; both
//! give the same event wherever both can read it. [`write_event`] writes one line.

mod error;
mod exact;
mod fast;
mod write;

pub use error::{WireError, WireErrorKind};
pub use write::{event_to_json, push_one_line, write_event};

use crate::event::{Ctx, TraceEvent};
use crate::json::{ScanError, Scanner};
use crate::text::Text;

/// How deep an event may nest where the caller sets no other limit; `serde_json` has the same one.
pub const DEFAULT_MAX_DEPTH: usize = 128;

/// Maps of foreign keys: seeded at random, and several times as fast as the default.
type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// Paths kept for reuse; a run of a workflow has a few, a generator one per item.
const MAX_CACHED_CTX: usize = 4096;
/// Longer paths are not kept: they are none that an engine writes, and could fill the memory.
const MAX_CACHED_CTX_BYTES: usize = 1024;

/// How a [`WireReader`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireOptions {
    /// How deep an event may nest, its own braces included; at most 1024.
    pub max_depth: usize,
    /// The UTC offset, in minutes, of timestamps that state none; `None` refuses them.
    pub assume_offset_minutes: Option<i32>,
}

impl Default for WireOptions {
    fn default() -> Self {
        Self {
            max_depth: DEFAULT_MAX_DEPTH,
            assume_offset_minutes: None,
        }
    }
}

/// What stands at a position of a chunk.
#[derive(Debug)]
pub enum Read {
    /// An event.
    Event {
        /// The event; it shares the chunk.
        event: TraceEvent,
        /// Where the object ends.
        end: usize,
        /// How many `NaN`s, infinities and lone surrogates were replaced by valid JSON.
        substitutions: u32,
    },
    /// Something else.
    Bad {
        /// What is wrong, and where.
        error: WireError,
        /// Where the value ends, where it is JSON at all.
        end: Option<usize>,
    },
    /// The chunk ends inside the value.
    Cut {
        /// Whether it ends inside a string, where a line break can never stand.
        in_string: bool,
    },
}

/// Reads events from chunks of JSON text.
#[derive(Debug, Default)]
pub struct WireReader {
    options: WireOptions,
    ctx_cache: Map<Box<[u8]>, Ctx>,
    last_ctx: (Vec<u8>, Ctx),
    fast_path_off: bool,
}

impl WireReader {
    /// Makes a reader.
    pub fn new(options: WireOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Makes a reader that takes the exact path for every event, to compare the two by.
    pub fn exact_only(options: WireOptions) -> Self {
        Self {
            options,
            fast_path_off: true,
            ..Self::default()
        }
    }

    /// Reads a text that holds exactly one event.
    pub fn read(&mut self, line: &Text) -> Result<TraceEvent, WireError> {
        let start = line.len() - line.trim_ascii_start().len();
        match self.read_at(line, start) {
            Read::Event { event, end, .. } if line[end..].trim_ascii().is_empty() => Ok(event),
            Read::Event { end, .. } => Err(WireError::new(WireErrorKind::TrailingText, end, 1)),
            Read::Bad { error, .. } => Err(error),
            Read::Cut { .. } => Err(WireError::new(WireErrorKind::Cut, line.len(), 0)),
        }
    }

    /// Reads the value that begins at byte `pos` of a chunk.
    pub fn read_at(&mut self, chunk: &Text, pos: usize) -> Read {
        if !self.fast_path_off
            && let Some((event, end)) = self.fast(chunk, pos)
        {
            return Read::Event {
                event,
                end,
                substitutions: 0,
            };
        }
        self.read_exactly(chunk, pos)
    }

    fn read_exactly(&self, chunk: &Text, pos: usize) -> Read {
        let mut scanner = Scanner::new(chunk.as_bytes(), pos, self.options.max_depth);
        if let Err(error) = scanner.value() {
            return self.not_a_value(&error);
        }
        let end = scanner.pos();
        match self.exact(chunk, pos, end, scanner.odds()) {
            Ok((event, substitutions)) => Read::Event {
                event,
                end,
                substitutions,
            },
            Err(error) => Read::Bad {
                error,
                end: Some(end),
            },
        }
    }

    fn not_a_value(&self, error: &ScanError) -> Read {
        let limit = self.options.max_depth;
        let (kind, at) = match *error {
            ScanError::Cut => return Read::Cut { in_string: false },
            ScanError::CutInString => return Read::Cut { in_string: true },
            ScanError::Syntax { at, expected } => (WireErrorKind::Syntax { expected }, at),
            ScanError::TooDeep { at } => (WireErrorKind::TooDeep { limit }, at),
        };
        Read::Bad {
            error: WireError::new(kind, at, 1),
            end: None,
        }
    }

    fn cached_ctx(&mut self, raw: &[u8]) -> Option<Ctx> {
        if self.last_ctx.0 == raw {
            return Some(self.last_ctx.1.clone());
        }
        let ctx = match self.ctx_cache.get(raw) {
            Some(ctx) => ctx.clone(),
            None => {
                let segments: Vec<String> = serde_json::from_slice(raw).ok()?;
                let ctx = Ctx::new(segments);
                if raw.len() > MAX_CACHED_CTX_BYTES {
                    return Some(ctx);
                }
                if self.ctx_cache.len() >= MAX_CACHED_CTX {
                    self.ctx_cache.clear();
                }
                self.ctx_cache.insert(raw.into(), ctx.clone());
                ctx
            }
        };
        self.last_ctx.0.clear();
        self.last_ctx.0.extend_from_slice(raw);
        self.last_ctx.1.clone_from(&ctx);
        Some(ctx)
    }
}

#[cfg(test)]
mod tests;
