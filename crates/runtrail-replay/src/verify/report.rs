//! What verifying found.

use std::collections::BTreeMap;

use serde::Serialize;

/// Findings that are listed one by one.
const MAX_LISTED: usize = 10_000;

/// What became of a run, an event or a part when two sides were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Both sides are the same.
    Match,
    /// A part or a run has another number of rows than it should have.
    Count,
    /// The copy lacks a run.
    MissingRun,
    /// The copy lacks an event.
    MissingEvent,
    /// The copy has an event that the source does not have.
    ExtraEvent,
    /// An event stands at another place: its time or its number differs.
    Order,
    /// An event, or a part, has other content.
    Payload,
    /// Something could not be read.
    Unreadable,
    /// Something was left out of the comparison because of a limit.
    Limited,
    /// The source has grown since it was exported.
    Pending,
    /// It was left out on purpose, and the journal says so.
    SampledOut,
    /// The export did not end, or nothing says that it did.
    Interrupted,
}

impl Outcome {
    /// Whether the sides were compared and differ. What is neither this nor a match could not be compared.
    pub fn is_difference(self) -> bool {
        matches!(
            self,
            Self::Count
                | Self::MissingRun
                | Self::MissingEvent
                | Self::ExtraEvent
                | Self::Order
                | Self::Payload
        )
    }

    /// Returns its name in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Count => "count",
            Self::MissingRun => "missing run",
            Self::MissingEvent => "missing event",
            Self::ExtraEvent => "extra event",
            Self::Order => "order",
            Self::Payload => "payload",
            Self::Unreadable => "unreadable",
            Self::Limited => "limited",
            Self::Pending => "pending",
            Self::SampledOut => "sampled out",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One thing that is not a match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub outcome: Outcome,
    /// The run that it concerns.
    pub run: Option<String>,
    /// The part that it concerns, within the copy; or the source that could not be read.
    pub part: Option<String>,
    /// The event that it concerns.
    pub event: Option<String>,
    /// What it is, in words.
    pub detail: String,
}

impl Finding {
    /// Makes a finding of which nothing is known but what it is.
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            run: None,
            part: None,
            event: None,
            detail: detail.into(),
        }
    }

    /// Says which run it concerns.
    pub fn run(self, run: impl Into<String>) -> Self {
        Self {
            run: Some(run.into()),
            ..self
        }
    }

    /// Says which part it concerns.
    pub fn part(self, part: impl Into<String>) -> Self {
        Self {
            part: Some(part.into()),
            ..self
        }
    }

    /// Says which event it concerns.
    pub fn event(self, event: impl Into<String>) -> Self {
        Self {
            event: Some(event.into()),
            ..self
        }
    }
}

/// All that was found: the first ten thousand one by one, and how many of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Findings {
    /// How many there are of each outcome.
    pub counts: BTreeMap<Outcome, u64>,
    /// The first ones.
    pub listed: Vec<Finding>,
}

/// What verifying comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was compared, and is the same.
    Match,
    /// Something differs.
    Mismatch,
    /// Nothing that was compared differs, and not everything could be compared.
    NotCompared,
}

impl Findings {
    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.outcome).or_default() += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(finding);
        }
    }

    /// Adds what was found elsewhere.
    pub fn append(&mut self, other: Self) {
        for (outcome, count) in other.counts {
            *self.counts.entry(outcome).or_default() += count;
        }
        let room = MAX_LISTED.saturating_sub(self.listed.len());
        self.listed.extend(other.listed.into_iter().take(room));
    }

    /// Returns how many there are of an outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.counts.get(&outcome).copied().unwrap_or(0)
    }

    /// Turns every finding of an outcome into another one.
    pub fn relabel(&mut self, from: Outcome, to: Outcome) {
        if let Some(count) = self.counts.remove(&from) {
            *self.counts.entry(to).or_default() += count;
        }
        for finding in self
            .listed
            .iter_mut()
            .filter(|finding| finding.outcome == from)
        {
            finding.outcome = to;
        }
    }

    /// Returns how many there are.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Returns what they come to. Whatever could not be compared is no match.
    pub fn verdict(&self) -> Verdict {
        let found = |test: fn(Outcome) -> bool| {
            self.counts
                .iter()
                .any(|(outcome, count)| *count > 0 && test(*outcome))
        };
        if found(Outcome::is_difference) {
            Verdict::Mismatch
        } else if found(|outcome| outcome != Outcome::Match) {
            Verdict::NotCompared
        } else {
            Verdict::Match
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_compared_is_never_a_match() {
        use Outcome::{Interrupted, Limited, Pending, SampledOut, Unreadable};
        let verdict = |outcomes: &[Outcome]| {
            let mut findings = Findings::default();
            for outcome in outcomes {
                findings.add(Finding::new(*outcome, "x").run("r"));
            }
            findings.verdict()
        };
        assert_eq!(verdict(&[]), Verdict::Match);
        assert_eq!(
            verdict(&[Outcome::Payload, Outcome::Unreadable]),
            Verdict::Mismatch
        );
        for outcome in [Unreadable, Limited, Pending, SampledOut, Interrupted] {
            assert_eq!(verdict(&[outcome]), Verdict::NotCompared, "{outcome:?}");
        }
    }

    #[test]
    fn findings_are_all_counted_and_not_all_listed() {
        let mut findings = Findings::default();
        for _ in 0..MAX_LISTED + 5 {
            findings.add(Finding::new(Outcome::MissingEvent, "x"));
        }
        assert_eq!(findings.listed.len(), MAX_LISTED);
        let mut both = findings.clone();
        both.append(findings.clone());
        assert_eq!(
            (both.total(), both.listed.len()),
            (2 * findings.total(), MAX_LISTED)
        );
        findings.relabel(Outcome::MissingEvent, Outcome::Pending);
        assert_eq!(findings.count(Outcome::Pending), MAX_LISTED as u64 + 5);
        assert_eq!(
            (findings.total(), findings.verdict()),
            (MAX_LISTED as u64 + 5, Verdict::NotCompared)
        );
    }
}
