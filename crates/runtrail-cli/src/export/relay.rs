//! Sending spans that were written to a file before, as they are.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::Instant;

use runtrail_core::export::{ExportError, SpanExporter};
use runtrail_otlp::relay_lines;

use super::PATIENCE;
use super::destination::{Destination, shown_destination};
use super::target::spans::{SpanCounts, sender};
use crate::args::{ExportArgs, ExporterKind, Format};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::{Glyphs, State};
use crate::human::counted;
use crate::out::Out;

/// What sending again came to: one JSON object with `--format json`.
#[derive(Debug, Default, serde::Serialize)]
struct Relay {
    exporter: &'static str,
    to: String,
    files_read: u64,
    spans: SpanCounts,
    bad_lines: u64,
    first_bad_line: Option<String>,
}

/// Sends the spans of files, where every source is a file of spans and spans are what is exported;
/// `None` where not.
///
/// Made into events first, the spans of half a run would become another run, with other totals.
pub(crate) fn relay(args: &ExportArgs, out: &mut Out) -> Option<Outcome> {
    let relays = args.exporter == ExporterKind::Otlp;
    (relays
        && args
            .sources
            .iter()
            .all(|source| is_span_file(Path::new(source))))
    .then(|| send(args, out))
}

fn is_span_file(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path)
        .ok()
        .filter(|_| path.is_file())
        .and_then(|file| file.take(256).read_to_end(&mut head).ok());
    let head = head.trim_ascii_start();
    let key = head.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    read.is_some() && key.is_some_and(|key| key.starts_with(b"\"resourceSpans\""))
}

fn send(args: &ExportArgs, out: &mut Out) -> Outcome {
    let Destination::Receiver(url) = Destination::of(args)? else {
        return Err(Failure::usage("spans are sent to a receiver"));
    };
    let mut otlp = sender(&url, args)?;
    let report = otlp.report();
    let mut relay = Relay {
        exporter: args.exporter.as_str(),
        to: shown_destination(args),
        ..Relay::default()
    };
    for source in &args.sources {
        let path = Path::new(source);
        let same =
            |letters: &Path| std::path::absolute(letters).ok() == std::path::absolute(path).ok();
        if args.dead_letter.as_deref().is_some_and(same) {
            return Err(Failure::usage(format!(
                "{source} is the source and the file of dead letters"
            ))
            .help("name another --dead-letter: it would be read while it is written"));
        }
        let file = File::open(path).map_err(|error| Failure::path("read", path, &error))?;
        let relayed = relay_lines(BufReader::new(file), |request| {
            otlp.relay(request).map_err(Stopped::Export)
        });
        let relayed = relayed.map_err(|stopped| match stopped {
            Stopped::Read(error) => Failure::path("read", path, &error),
            Stopped::Export(error) => error.into(),
        })?;
        relay.files_read += 1;
        relay.bad_lines += relayed.bad_lines;
        if let Some((number, why)) = relayed.first_bad {
            relay
                .first_bad_line
                .get_or_insert(format!("{source}:{number}: {why}"));
        }
    }
    Box::new(otlp).close(Instant::now() + PATIENCE)?;
    relay.spans = SpanCounts::of(&report.read());
    relay.finish(args.format, out)
}

impl Relay {
    fn finish(&self, format: Format, out: &mut Out) -> Outcome {
        let json = |json: serde_json::Result<String>| {
            json.map(|json| json + "\n")
                .map_err(|error| Failure::of(Code::Io, &error))
        };
        let text = match format {
            Format::Json => json(serde_json::to_string_pretty(self))?,
            Format::Jsonl => json(serde_json::to_string(self))?,
            Format::Text => self.text(Glyphs::new(out.terminal.unicode, out.terminal.out_colour)),
            Format::Markdown => self.text(Glyphs::new(true, false)),
        };
        out.answer(&text)?;
        if !self.spans.balance() {
            return Err(Failure::new(Code::Io, "not all spans are accounted for"));
        }
        Ok(if self.spans.not_all_taken() || self.bad_lines > 0 {
            Code::Quarantined
        } else {
            Code::Done
        })
    }

    fn text(&self, glyphs: Glyphs) -> String {
        let mut text = format!(
            "{} {} {} {} to {}\n{}\n",
            glyphs.paint(State::Ok, glyphs.shape(State::Ok)),
            counted(self.files_read, "file"),
            glyphs.arrow(),
            counted(self.spans.sent, "span"),
            runtrail_core::printable::Printable(&self.to),
            self.spans.text(glyphs),
        );
        for reason in &self.spans.reasons {
            text += &format!(
                "  note: the receiver: {}\n",
                runtrail_core::printable::Printable(reason)
            );
        }
        if let Some(first) = &self.first_bad_line {
            let lines = counted(self.bad_lines, "line");
            let first = runtrail_core::printable::Printable(first);
            text += &format!("  note: {lines} that hold no spans passed over, the first {first}\n");
        }
        text
    }
}

/// Why reading and sending stopped.
enum Stopped {
    Read(io::Error),
    Export(ExportError),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}
