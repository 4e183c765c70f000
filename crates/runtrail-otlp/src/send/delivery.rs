//! The delivery of one piece: what to send next, when, and what becomes of an answer.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Answer, SendSettings};

/// The delivery of one piece of spans. It does nothing itself: it is told the time and the answers.
#[derive(Debug)]
pub(crate) struct Delivery {
    settings: SendSettings,
    deadline: Instant,
    /// What is still to be sent, the next last.
    todo: Vec<Range<usize>>,
    /// Attempts at the next one that the server may yet take.
    attempts: u32,
    not_before: Option<Instant>,
    last_reason: String,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send these spans, and say what the answer was. At most this long.
    Send(Range<usize>, Duration),
    /// Wait.
    Wait(Duration),
    /// These spans will not be delivered, for this reason.
    GiveUp(Range<usize>, String),
    /// Nothing is left.
    Done,
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many were taken, so many rejected.
    Settled {
        accepted: u64,
        rejected: u64,
        message: String,
    },
    /// They will be sent again.
    Retry,
    /// They will be sent in halves.
    Split,
    /// This one span is too large by itself.
    TooLarge(usize, String),
    /// They will not be delivered, for this reason.
    GivenUp(Range<usize>, String),
}

impl Delivery {
    /// Begins the delivery of so many spans.
    pub(crate) fn new(spans: usize, settings: SendSettings, now: Instant) -> Self {
        Self {
            settings,
            deadline: now.checked_add(settings.deadline).unwrap_or(now),
            todo: std::iter::once(0..spans)
                .filter(|all| !all.is_empty())
                .collect(),
            attempts: 0,
            not_before: None,
            last_reason: String::new(),
        }
    }

    /// Brings the end of it forward.
    pub(crate) fn no_later_than(&mut self, latest: Instant) {
        self.deadline = self.deadline.min(latest);
    }

    /// Says what to do next.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        let Some(range) = self.todo.last().cloned() else {
            return Step::Done;
        };
        let start = self.not_before.map_or(now, |at| at.max(now));
        if start >= self.deadline {
            // Waiting until it is too late would help nobody.
            self.settle();
            let why = match &*self.last_reason {
                "" => "there was no time left to send".to_owned(),
                reason => format!("not taken in time: {reason}"),
            };
            return Step::GiveUp(range, why);
        }
        if start > now {
            return Step::Wait(start - now);
        }
        self.not_before = None;
        let left = self.deadline - now;
        Step::Send(range, left.min(self.settings.attempt_timeout))
    }

    /// Takes the answer to what was sent last; `jitter` is between 0 and 1.
    pub(crate) fn answered(&mut self, now: Instant, answer: Answer, jitter: f64) -> Outcome {
        let Some(range) = self.todo.last().cloned() else {
            return Outcome::Retry;
        };
        match answer {
            Answer::Taken { rejected, message } => {
                self.settle();
                let sent = range.len() as u64;
                let rejected = rejected.min(sent);
                Outcome::Settled {
                    accepted: sent - rejected,
                    rejected,
                    message,
                }
            }
            Answer::TooLarge(reason) if range.len() == 1 => Outcome::TooLarge(range.start, reason),
            Answer::TooLarge(reason) => {
                self.last_reason = reason;
                self.settle();
                let middle = range.start + range.len().div_ceil(2);
                self.todo.push(middle..range.end);
                self.todo.push(range.start..middle);
                Outcome::Split
            }
            Answer::Busy { after, reason } => {
                self.attempts += 1;
                let wait = match after {
                    Some(asked) => asked.min(self.settings.max_retry_after),
                    None => self.backoff(jitter),
                };
                self.not_before = now.checked_add(wait);
                self.last_reason = reason;
                Outcome::Retry
            }
            Answer::OtherEncoding(reason) => {
                self.last_reason = reason;
                Outcome::Retry
            }
            Answer::Refused(reason) => {
                self.settle();
                Outcome::GivenUp(range, reason)
            }
        }
    }

    /// Takes what was sent last off the list: it was delivered, or it will not be.
    pub(crate) fn settle(&mut self) {
        self.todo.pop();
        self.attempts = 0;
        self.not_before = None;
    }

    /// From half to the whole of a time that doubles with each attempt.
    fn backoff(&self, jitter: f64) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(20);
        let longest = self
            .settings
            .first_backoff
            .saturating_mul(1 << doublings)
            .min(self.settings.max_backoff);
        longest.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(after: Option<u64>) -> Answer {
        Answer::Busy {
            after: after.map(Duration::from_secs),
            reason: "busy".into(),
        }
    }

    fn settings() -> SendSettings {
        SendSettings {
            deadline: Duration::from_secs(100),
            ..SendSettings::default()
        }
    }

    #[test]
    fn waits_double_and_stay_below_their_limit() {
        let start = Instant::now();
        let mut delivery = Delivery::new(1, settings(), start);
        let mut waits = Vec::new();
        for _ in 0..8 {
            delivery.answered(start, busy(None), 1.0);
            let Step::Wait(wait) = delivery.next(start) else {
                panic!("no wait")
            };
            waits.push(wait.as_millis());
        }
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        delivery.answered(start, busy(None), 0.0);
        assert_eq!(delivery.next(start), Step::Wait(Duration::from_secs(15)));
    }

    #[test]
    fn a_server_is_obeyed_up_to_the_limit_and_the_deadline() {
        let start = Instant::now();
        let mut delivery = Delivery::new(4, settings(), start);
        delivery.answered(start, busy(Some(40)), 0.5);
        assert_eq!(delivery.next(start), Step::Wait(Duration::from_secs(40)));
        let later = start + Duration::from_secs(40);
        assert_eq!(
            delivery.next(later),
            Step::Send(0..4, Duration::from_secs(10))
        );
        delivery.answered(later, busy(Some(70)), 0.5);
        // It would be over by then: nobody waits for that.
        assert_eq!(
            delivery.next(later),
            Step::GiveUp(0..4, "not taken in time: busy".into())
        );
        assert_eq!(delivery.next(later), Step::Done);
    }

    #[test]
    fn too_large_is_halved_down_to_one() {
        let start = Instant::now();
        let mut delivery = Delivery::new(3, settings(), start);
        let large = || Answer::TooLarge("big".into());
        assert_eq!(delivery.answered(start, large(), 0.0), Outcome::Split);
        assert!(matches!(delivery.next(start), Step::Send(range, _) if range == (0..2)));
        assert_eq!(delivery.answered(start, large(), 0.0), Outcome::Split);
        assert_eq!(
            delivery.answered(start, large(), 0.0),
            Outcome::TooLarge(0, "big".into())
        );
        delivery.settle();
        let taken = Answer::Taken {
            rejected: 9,
            message: String::new(),
        };
        let all_rejected = Outcome::Settled {
            accepted: 0,
            rejected: 1,
            message: String::new(),
        };
        assert_eq!(delivery.answered(start, taken, 0.0), all_rejected);
        assert!(matches!(delivery.next(start), Step::Send(range, _) if range == (2..3)));
        let refused = delivery.answered(start, Answer::Refused("no".into()), 0.0);
        assert_eq!(refused, Outcome::GivenUp(2..3, "no".into()));
        assert_eq!(delivery.next(start), Step::Done);
    }

    #[test]
    fn an_earlier_deadline_of_the_caller_holds() {
        let start = Instant::now();
        let mut delivery = Delivery::new(1, settings(), start);
        delivery.no_later_than(start);
        let why = "there was no time left to send".to_owned();
        assert_eq!(delivery.next(start), Step::GiveUp(0..1, why));
    }
}
