//! What sends: a request at a time, each until it is settled.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtrail_core::export::{ExportError, SpanBatch};
use runtrail_otlp_wire::model::Request;

use super::hurry::Hurry;
use crate::around::Around;
use crate::config::Secrets;
use crate::report::OtlpReport;
use crate::send::{
    Answer, Collector, DeadLetters, Delivery, Form, Frame, HARDER_CUTS, Outcome, Pace, Piece,
    SendSettings, Step,
};
use crate::transport::Transport;

/// What sends.
pub(super) struct Sender {
    pub(super) collector: Collector,
    pub(super) around: Around,
    pub(super) form: Form,
    pub(super) frame: Frame,
    pub(super) transport: Box<dyn Transport>,
    pub(super) settings: SendSettings,
    pub(super) pace: Pace,
    pub(super) letters: Option<DeadLetters>,
    pub(super) report: OtlpReport,
    pub(super) endpoint: String,
    pub(super) secrets: Secrets,
    pub(super) hurry: Arc<Hurry>,
    pub(super) random: u64,
    /// Spans that were relayed: they went through no mapping.
    pub(super) relayed: u64,
    /// What went wrong while nobody was there to be told.
    pub(super) untold: Option<ExportError>,
}

impl Sender {
    pub(super) fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        let now = Instant::now();
        let mut full = Vec::new();
        self.collector.batch(batch, now, &mut full);
        self.collector.overdue(now, &mut full);
        let delivered = self.deliver_all(&full);
        if let Some(piece) = full.pop() {
            self.collector.give_back(piece);
        }
        delivered.and_then(|()| self.untold.take().map_or(Ok(()), Err))
    }

    /// Sends everything that was exported, also of runs that go on.
    pub(super) fn flush(&mut self) -> Result<(), ExportError> {
        let mut rest = Vec::new();
        self.collector.drain(Instant::now(), &mut rest);
        self.deliver_all(&rest)?;
        let synced = self.letters.as_mut().map_or(Ok(()), DeadLetters::sync);
        synced.map_err(|error| self.letters_failed(error))?;
        self.untold.take().map_or(Ok(()), Err)
    }

    /// Sends spans as they are.
    pub(super) fn relay(&mut self, request: &Request<'_>) -> Result<(), ExportError> {
        let mut piece = Piece::new(self.form);
        for span in request.spans() {
            piece.push(span);
        }
        self.relayed += piece.spans() as u64;
        self.deliver_all(&[piece])
    }

    /// When something has waited long enough, at the earliest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.collector.due()
    }

    /// Sends what has waited long enough; what goes wrong is told at the next call.
    pub(super) fn overdue(&mut self) {
        let mut old = Vec::new();
        self.collector.overdue(Instant::now(), &mut old);
        if let Err(error) = self.deliver_all(&old) {
            self.untold.get_or_insert(error);
        }
    }

    /// Gives up everything that is left, since nobody waits for it any more.
    pub(super) fn give_up_rest(&mut self) {
        self.hurry.tell(Some(Instant::now()));
        // Its counts and the dead letters tell of it.
        drop(self.flush());
    }

    /// Delivers pieces one after the other. What is given up and is no dead letter is an error, once
    /// everything was tried.
    fn deliver_all(&mut self, pieces: &[Piece]) -> Result<(), ExportError> {
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
            if let Err(error) = self.deliver(piece, &mut lost) {
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

    /// What to do next with what is delivered; in time, if somebody is in a hurry.
    fn next_step(&self, delivery: &mut Delivery) -> Step {
        if let Some(latest) = self.hurry.latest() {
            delivery.no_later_than(latest);
        }
        delivery.next(Instant::now())
    }

    fn deliver(&mut self, piece: &Piece, lost: &mut Lost) -> Result<(), ExportError> {
        let mut delivery = Delivery::new(piece.spans(), self.settings, Instant::now());
        let mut failed = None;
        loop {
            let given_up = match self.next_step(&mut delivery) {
                Step::Done => break,
                Step::Wait(time) => {
                    self.hurry.wait(time);
                    None
                }
                Step::GiveUp(range, reason) => Some((piece, range, reason)),
                Step::Send(range, timeout) => {
                    let now = Instant::now();
                    let pause = self.pace.wait(now);
                    if !pause.is_zero() {
                        self.hurry.wait(pause.min(timeout));
                        continue;
                    }
                    self.pace.sent(range.len(), now);
                    let answer = self.attempt(piece.slice(range), timeout);
                    let jitter = self.jitter();
                    match delivery.answered(Instant::now(), answer, jitter) {
                        Outcome::TooLarge(index, reason) => {
                            let sent = self.shrunk(piece, index, reason);
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

    fn attempt(&mut self, spans: &[u8], timeout: Duration) -> Answer {
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
    fn shrunk(&mut self, piece: &Piece, index: usize, mut reason: String) -> Option<String> {
        for max in HARDER_CUTS {
            let Some(smaller) = piece.shrunk(index, max) else {
                continue;
            };
            let mut delivery = Delivery::new(1, self.settings, Instant::now());
            loop {
                match self.next_step(&mut delivery) {
                    Step::Done => return None,
                    Step::Wait(time) => self.hurry.wait(time),
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
        range: Range<usize>,
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
