//! What a view could not read, summed up at its end.

use std::fmt::Write;

use runtrail_archive::{ReadReport, Reject, RejectReason};
use runtrail_core::printable::Printable;

use crate::excerpt;
use crate::human;
use crate::out::Out;

/// Reasons told apart; what comes on top is only counted.
const MAX_REASONS: usize = 20;
/// Files named of those that could not be read.
const MAX_FILES: usize = 10;
/// Bytes kept of a reject's text on each side of the trouble.
const CONTEXT: usize = 4096;

/// Rejects by reason: how many, and the first of each.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    reasons: Vec<Reason>,
    others: u64,
}

#[derive(Debug)]
struct Reason {
    message: String,
    count: u64,
    place: String,
    first: Reject,
}

impl Problems {
    /// Takes note of a reject.
    pub(crate) fn add(&mut self, reject: &Reject) {
        let message = reject.reason.to_string();
        if let Some(known) = self
            .reasons
            .iter_mut()
            .find(|known| known.message == message)
        {
            known.count += 1;
        } else if self.reasons.len() < MAX_REASONS {
            self.reasons.push(Reason {
                message,
                count: 1,
                place: excerpt::place(reject),
                first: excerpt_of(reject),
            });
        } else {
            self.others += 1;
        }
    }

    /// Whether there were none.
    pub(crate) fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Says what was not read, the most frequent reason first.
    pub(crate) fn show(&mut self, report: &ReadReport, out: &mut Out) {
        self.reasons
            .sort_by_key(|reason| std::cmp::Reverse(reason.count));
        for reason in &self.reasons {
            out.warn(&render(reason, out));
        }
        if self.others > 0 {
            out.warn(&format!(
                "{} skipped for other reasons\n",
                human::counted(self.others, "line")
            ));
        }
        show_failed(report, out);
    }
}

/// Says which files could not be read, and which were left out although they lie in a lake.
pub(crate) fn show_failed(report: &ReadReport, out: &mut Out) {
    if let Some(first) = report.stray.first() {
        let others = match report.stray.len() as u64 - 1 {
            0 => String::new(),
            more => format!(" and {} more", human::counted(more, "file")),
        };
        out.warn(&format!(
            "left out, since the lake's log does not list it: {}{others}\n",
            Printable(first)
        ));
    }
    for (file, why) in report.failed.iter().take(MAX_FILES) {
        out.error(&format!(
            "cannot read {}: {}\n",
            Printable(file),
            Printable(why)
        ));
    }
    if let Some(more) = report
        .failed
        .len()
        .checked_sub(MAX_FILES)
        .filter(|more| *more > 0)
    {
        out.error(&format!(
            "cannot read {} more\n",
            human::counted(more as u64, "file")
        ));
    }
}

fn render(reason: &Reason, out: &Out) -> String {
    let first = &reason.first;
    let noun = if matches!(first.reason, RejectReason::Binary(_)) {
        "file"
    } else {
        "line"
    };
    let mut text = format!(
        "{} skipped: {}\n",
        human::counted(reason.count, noun),
        Printable(&reason.message)
    );
    let of = if reason.count > 1 {
        format!(" (first of {})", human::count(reason.count))
    } else {
        String::new()
    };
    let _ = writeln!(text, "  {}{of}", reason.place);
    let mark = if out.terminal.unicode { "…" } else { "..." };
    text.push_str(&excerpt::excerpt(first, out.terminal.columns, mark));
    text
}

/// The reject with no more of its text than an excerpt can show.
fn excerpt_of(reject: &Reject) -> Reject {
    let start = reject
        .marked
        .0
        .saturating_sub(CONTEXT)
        .min(reject.text.len());
    let end = reject.text.len().min(reject.marked.1 + CONTEXT).max(start);
    Reject {
        file: reject.file.clone(),
        reason: reject.reason.clone(),
        marked: (reject.marked.0 - start, reject.marked.1 - start),
        text: reject.text[start..end].to_vec(),
        ..*reject
    }
}
