//! The exporter that sends.

mod builder;
mod wait;

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use runtrail_core::export::{ExportError, SpanBatch, SpanExporter, Spans};
use runtrail_otlp_wire::model::Request;

pub use builder::OtlpBuilder;
use wait::Wait;

use crate::around::Around;
use crate::collected::into_exporter;
use crate::config::{ConfigError, Secrets};
use crate::report::OtlpReport;
use crate::send::{
    Collector, DeadLetters, Delivery, Form, Frame, HARDER_CUTS, Outcome, Pace, Piece, SendSettings,
    Step,
};
use crate::transport::Transport;

/// Sends runs as spans to an OTLP receiver.
///
/// A [`SpanExporter`]: [`into_exporter`](Self::into_exporter) makes an exporter of events of it. It
/// blocks while it sends, for [`SendSettings::deadline`] at most for each request; it holds no more
/// than [`SendSettings::held_bytes`] and a request. Spans are sent when a request is full, when their
/// run has ended and some time has passed, and when it is flushed or closed.
///
/// Spans that are given up are an error, or dead letters where a file is named for them; the
/// exporter goes on in both cases.
#[derive(Debug)]
pub struct Otlp {
    namespace: String,
    /// `None` where exporting is switched off.
    sender: Option<Sender>,
    report: OtlpReport,
}

/// What sends.
struct Sender {
    collector: Collector,
    around: Around,
    form: Form,
    frame: Frame,
    transport: Box<dyn Transport>,
    settings: SendSettings,
    pace: Pace,
    letters: Option<DeadLetters>,
    report: OtlpReport,
    endpoint: String,
    secrets: Secrets,
    wait: Wait,
    random: u64,
    /// Spans that were relayed: they went through no mapping.
    relayed: u64,
}

impl Otlp {
    /// Makes an exporter of what the environment says.
    ///
    /// The variables are those of OpenTelemetry: `OTEL_EXPORTER_OTLP_*`, `OTEL_SERVICE_NAME`,
    /// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_EXPORTER`, `OTEL_SDK_DISABLED`. Without any it sends to
    /// `http://localhost:4318/v1/traces`.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::builder().build()
    }

    /// Begins to set up an exporter; what is not set is taken from the environment.
    pub fn builder() -> OtlpBuilder {
        OtlpBuilder::default()
    }

    /// Returns a handle that reads what was done, also after the close.
    pub fn report(&self) -> OtlpReport {
        self.report.clone()
    }

    /// Whether it sends; not where the environment switches exporting off.
    pub fn is_enabled(&self) -> bool {
        self.sender.is_some()
    }

    /// Returns where it sends to, without the query; none where exporting is switched off.
    pub fn endpoint(&self) -> Option<&str> {
        self.sender.as_ref().map(|sender| &*sender.endpoint)
    }

    /// Makes an exporter of events, with ids in the namespace of this one.
    pub fn into_exporter(self) -> Spans<Self> {
        let namespace = self.namespace.clone();
        into_exporter(self, &namespace)
    }

    /// Sends spans as they are, such as those of a file of dead letters; they get this exporter's
    /// resource and scope, and keep their ids.
    pub fn relay(&mut self, request: &Request<'_>) -> Result<(), ExportError> {
        let Some(sender) = &mut self.sender else {
            let spans = request.spans().count() as u64;
            self.report.update(|counts| counts.disabled += spans);
            return Ok(());
        };
        let mut piece = Piece::new(sender.form);
        for span in request.spans() {
            piece.push(span);
        }
        sender.relayed += piece.spans() as u64;
        sender.deliver_all(&[piece], None)
    }
}

impl SpanExporter for Otlp {
    fn name(&self) -> &'static str {
        "otlp"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        let Some(sender) = &mut self.sender else {
            let (spans, runs) = (batch.spans().len(), batch.runs().len());
            self.report
                .update(|counts| counts.disabled += (spans + runs) as u64);
            return Ok(());
        };
        let now = Instant::now();
        let mut full = Vec::new();
        sender.collector.batch(batch, now, &mut full);
        sender.collector.overdue(now, &mut full);
        let delivered = sender.deliver_all(&full, None);
        if let Some(piece) = full.pop() {
            sender.collector.give_back(piece);
        }
        delivered
    }

    /// Sends everything that was exported, also of runs that go on.
    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        let Some(sender) = &mut self.sender else {
            return Ok(());
        };
        let mut rest = Vec::new();
        sender.collector.drain(Instant::now(), &mut rest);
        sender.deliver_all(&rest, Some(deadline))?;
        let synced = sender.letters.as_mut().map_or(Ok(()), DeadLetters::sync);
        synced.map_err(|error| sender.letters_failed(error))
    }

    fn close(mut self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        self.flush(deadline)
    }
}

impl Sender {
    /// Delivers pieces one after the other. What is given up and is no dead letter is an error, once
    /// everything was tried.
    fn deliver_all(
        &mut self,
        pieces: &[Piece],
        latest: Option<Instant>,
    ) -> Result<(), ExportError> {
        let waiting: u64 = pieces.iter().map(|piece| piece.spans() as u64).sum();
        let mapped = self.collector.mapped() + self.relayed;
        self.report.update(|counts| {
            counts.spans = mapped;
            counts.waiting = mapped - counts.accepted - counts.rejected - counts.given_up;
        });
        debug_assert!(self.report.read().waiting >= waiting);
        let mut lost = Lost::default();
        let mut failed = None;
        for piece in pieces {
            if let Err(error) = self.deliver(piece, latest, &mut lost) {
                failed.get_or_insert(error);
            }
        }
        match (failed, lost.spans) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, spans) => Err(ExportError::permanent(format!(
                "{spans} spans were not delivered to {}: {}",
                self.endpoint, lost.reason
            ))),
        }
    }

    fn deliver(
        &mut self,
        piece: &Piece,
        latest: Option<Instant>,
        lost: &mut Lost,
    ) -> Result<(), ExportError> {
        let mut delivery = Delivery::new(piece.spans(), self.settings, Instant::now(), latest);
        let mut failed = None;
        loop {
            let now = Instant::now();
            let given_up = match delivery.next(now) {
                Step::Done => break,
                Step::Wait(time) => {
                    self.wait.for_(time);
                    None
                }
                Step::GiveUp(range, reason) => Some((piece, range, reason)),
                Step::Send(range, timeout) => {
                    let pause = self.pace.wait(now);
                    if !pause.is_zero() {
                        self.wait.for_(pause.min(timeout));
                        continue;
                    }
                    self.pace.sent(range.len(), now);
                    let answer = self.attempt(piece.slice(range), timeout);
                    let jitter = self.jitter();
                    match delivery.answered(Instant::now(), answer, jitter) {
                        Outcome::TooLarge(index, reason) => {
                            let sent = self.shrunk(piece, index, latest, reason);
                            delivery.settle();
                            sent.map(|reason| (piece, index..index + 1, reason))
                        }
                        Outcome::GivenUp(range, reason) => Some((piece, range, reason)),
                        outcome => {
                            self.note(outcome);
                            None
                        }
                    }
                }
            };
            if let Some((piece, range, reason)) = given_up
                && let Err(error) = self.give_up(piece, range, &reason, lost)
            {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn attempt(&mut self, spans: &[u8], timeout: std::time::Duration) -> crate::send::Answer {
        self.report.update(|counts| counts.requests += 1);
        let answer = self.transport.send(&self.frame.request(spans), timeout);
        answer.map_said(|said| self.secrets.hide(said))
    }

    fn note(&self, outcome: Outcome) {
        self.report.update(|counts| match outcome {
            Outcome::Settled {
                accepted,
                rejected,
                message,
            } => {
                counts.accepted += accepted;
                counts.rejected += rejected;
                counts.waiting -= accepted + rejected;
                // A message without a rejection is a warning, and worth as much.
                counts.add_reason(&message);
            }
            Outcome::Retry => counts.retries += 1,
            Outcome::Split => counts.splits += 1,
            Outcome::TooLarge(..) | Outcome::GivenUp(..) => {}
        });
    }

    /// Sends one span that is too large with its values cut harder; returns why it was not taken, if
    /// it was not.
    fn shrunk(
        &mut self,
        piece: &Piece,
        index: usize,
        latest: Option<Instant>,
        mut reason: String,
    ) -> Option<String> {
        for max in HARDER_CUTS {
            let Some(smaller) = piece.shrunk(index, max) else {
                continue;
            };
            let mut delivery = Delivery::new(1, self.settings, Instant::now(), latest);
            loop {
                match delivery.next(Instant::now()) {
                    Step::Done => return None,
                    Step::Wait(time) => self.wait.for_(time),
                    Step::GiveUp(_, reason) => return Some(reason),
                    Step::Send(range, timeout) => {
                        let answer = self.attempt(smaller.slice(range), timeout);
                        let jitter = self.jitter();
                        match delivery.answered(Instant::now(), answer, jitter) {
                            Outcome::TooLarge(_, said) => {
                                reason = said;
                                break;
                            }
                            Outcome::GivenUp(_, reason) => return Some(reason),
                            outcome => {
                                if matches!(outcome, Outcome::Settled { .. }) {
                                    self.report.update(|counts| counts.shrunk += 1);
                                }
                                self.note(outcome);
                            }
                        }
                    }
                }
            }
        }
        Some(reason)
    }

    /// Counts spans as not delivered, and keeps them if there is a file for them.
    fn give_up(
        &mut self,
        piece: &Piece,
        range: std::ops::Range<usize>,
        reason: &str,
        lost: &mut Lost,
    ) -> Result<(), ExportError> {
        let spans = range.len() as u64;
        let kept = match &mut self.letters {
            Some(letters) => Some(letters.write(&self.around, piece, range, reason)),
            None => None,
        };
        let is_kept = matches!(kept, Some(Ok(())));
        self.report.update(|counts| {
            counts.given_up += spans;
            counts.waiting -= spans;
            counts.dead_letters += spans * u64::from(is_kept);
            counts.add_reason(reason);
        });
        match kept {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.letters_failed(error)),
            None => {
                lost.spans += spans;
                reason.clone_into(&mut lost.reason);
                Ok(())
            }
        }
    }

    fn letters_failed(&self, error: std::io::Error) -> ExportError {
        let path = self
            .letters
            .as_ref()
            .map(|letters| letters.path().display().to_string());
        let path = path.unwrap_or_default();
        ExportError::permanent(format!("cannot write dead letters to {path}")).with_source(error)
    }

    /// A number between 0 and 1, so that many exporters do not come back at the same moment.
    fn jitter(&mut self) -> f64 {
        self.random = RandomState::new().hash_one(self.random);
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Spans that were given up and kept nowhere.
#[derive(Debug, Default)]
struct Lost {
    spans: u64,
    reason: String,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("endpoint", &self.endpoint)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
