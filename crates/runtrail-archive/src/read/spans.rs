//! Reading files of OpenTelemetry spans.

use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::Ordering;

use runtrail_core::event::TraceEvent;
use runtrail_otlp_wire::model::Request;
use runtrail_otlp_wire::{json, protobuf};

use super::{OVERLONG_HEAD, Reader, Sink};
use crate::error::ArchiveError;
use crate::input::{Format, Opened, Plain, sniff_inside};
use crate::reject::{Reject, RejectReason};
use crate::spans::Events;

impl Reader<'_> {
    /// Reads an input that holds spans; gives back any other.
    pub(super) fn read_spans(
        &mut self,
        name: &str,
        mut opened: Opened,
        sink: &mut dyn Sink,
    ) -> Result<Option<Opened>, ArchiveError> {
        let format = match opened.format {
            Format::Gzip | Format::Zstd => sniff_inside(&mut opened),
            format => format,
        };
        let plain: Box<dyn Read + Send> = match (format, opened.plain) {
            (Format::SpanLines | Format::SpanMessages, Plain::File(file)) => Box::new(file),
            (Format::SpanLines | Format::SpanMessages, Plain::Other(other)) => other,
            (_, plain) => {
                opened.plain = plain;
                return Ok(Some(opened));
            }
        };
        let mut file = SpanFile {
            name,
            input: BufReader::with_capacity(1 << 16, plain),
            number: 0,
            byte: 0,
        };
        while let Some(record) = self.next_record(&mut file, format) {
            if self.progress.cancelled.load(Ordering::Relaxed) {
                return Err(ArchiveError::Interrupted);
            }
            let (bytes, found) = match record {
                Ok(bytes) => {
                    let found = events_of(&bytes, format);
                    (bytes, found)
                }
                Err((bytes, reason)) => (bytes, Err(reason)),
            };
            if opened.uncounted {
                self.progress
                    .bytes_read
                    .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            match found {
                Ok(events) => {
                    self.report.events += events.len() as u64;
                    self.progress
                        .events
                        .fetch_add(events.len() as u64, Ordering::Relaxed);
                    if !events.is_empty() {
                        sink.events(events, bytes.len())?;
                    }
                }
                Err(reason) => {
                    let reject = file.reject(&bytes, reason);
                    self.reject(reject, sink)?;
                }
            }
            file.byte += bytes.len() as u64;
        }
        Ok(None)
    }

    /// The next line or message, its length before it where there is one; `None` at the end.
    fn next_record(&mut self, file: &mut SpanFile<'_>, format: Format) -> Option<Record> {
        let limit = self.options.max_line;
        file.number += 1;
        let read = match format {
            Format::SpanLines => file.line(limit),
            _ => file.message(limit),
        };
        match read {
            Ok(record) => record,
            Err(error) => {
                if error.raw_os_error().is_some() {
                    self.report
                        .failed
                        .push((file.name.to_owned(), error.to_string()));
                }
                file.input = BufReader::new(Box::new(std::io::empty()));
                Some(Err((Vec::new(), RejectReason::Damaged(error.to_string()))))
            }
        }
    }
}

/// What stands in a file, or what stands there and why it is no record.
type Record = Result<Vec<u8>, (Vec<u8>, RejectReason)>;

struct SpanFile<'a> {
    name: &'a str,
    input: BufReader<Box<dyn Read + Send>>,
    /// The record's number, from 1: of lines, the line.
    number: u64,
    byte: u64,
}

impl SpanFile<'_> {
    fn line(&mut self, limit: usize) -> std::io::Result<Option<Record>> {
        let mut line = Vec::new();
        let read = self
            .input
            .by_ref()
            .take(limit as u64 + 1)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if read > limit {
            let rest = skip_line(&mut self.input)?;
            return Ok(Some(Err((
                line,
                RejectReason::Spans(format!(
                    "a line of {} bytes; the limit is {limit}",
                    read as u64 + rest
                )),
            ))));
        }
        Ok(Some(Ok(line)))
    }

    /// A message after its length, or all of the file where it is one message.
    fn message(&mut self, limit: usize) -> std::io::Result<Option<Record>> {
        let head = self.input.fill_buf()?;
        let Some(first) = head.first() else {
            return Ok(None);
        };
        // A length of four bytes begins with a line feed only from 160 MiB on.
        let length = if *first == 0x0a {
            None
        } else {
            let mut length = [0; 4];
            self.input.read_exact(&mut length)?;
            Some(u32::from_be_bytes(length) as usize)
        };
        let most = length.unwrap_or(limit).min(limit);
        let mut message = Vec::new();
        self.input
            .by_ref()
            .take(most as u64 + 1 - u64::from(length.is_some()))
            .read_to_end(&mut message)?;
        let whole = length.map_or(message.len() <= limit, |length| message.len() == length);
        if whole {
            return Ok(Some(Ok(message)));
        }
        // Where the next message begins is not known to be right.
        self.input = BufReader::new(Box::new(std::io::empty()));
        let why = format!("a message that is cut off, or longer than the limit of {limit} bytes");
        Ok(Some(Err((message, RejectReason::Spans(why)))))
    }

    fn reject(&self, bytes: &[u8], reason: RejectReason) -> Reject {
        Reject {
            file: self.name.to_owned(),
            line: self.number,
            byte: self.byte,
            length: bytes.len() as u64,
            reason,
            marked: (0, 0),
            text: bytes[..bytes.len().min(OVERLONG_HEAD)].to_vec(),
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let block = input.fill_buf()?;
        if block.is_empty() {
            return Ok(skipped);
        }
        let (used, ended) = match memchr::memchr(b'\n', block) {
            Some(at) => (at + 1, true),
            None => (block.len(), false),
        };
        input.consume(used);
        skipped += used as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

fn events_of(bytes: &[u8], format: Format) -> Result<Vec<TraceEvent>, RejectReason> {
    let bad = |error: String| RejectReason::Spans(error);
    let make = |request: &Request<'_>| {
        let mut events = Events::default();
        for span in request.spans() {
            events.add(span);
        }
        events.list
    };
    if format == Format::SpanLines {
        let text = std::str::from_utf8(bytes).map_err(|_| bad("not UTF-8".to_owned()))?;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let request = json::read_request(text).map_err(|error| bad(error.to_string()))?;
        return Ok(make(&request));
    }
    let request = protobuf::read_request(bytes).map_err(|error| bad(error.to_string()))?;
    Ok(make(&request))
}
