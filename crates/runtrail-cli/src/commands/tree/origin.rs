//! What started a run, as its own events say.

use runtrail_core::span::RunSummary;

use crate::commands::triggers::source;
use crate::human;

/// How many of many links are shown.
const MAX_SHOWN: usize = 5;

/// Returns a line for each thing that started the run; `foreign` shows what others wrote.
pub(super) fn lines(run: &RunSummary, foreign: impl Fn(&str) -> String) -> Vec<String> {
    let shown = run.links.iter().take(MAX_SHOWN);
    let mut lines: Vec<String> = shown
        .map(|link| format!("started by {}", source::link(link, &foreign)))
        .collect();
    if let Some(more) = run
        .links
        .len()
        .checked_sub(MAX_SHOWN)
        .filter(|more| *more > 0)
    {
        lines.push(format!("and by {} more", human::count(more as u64)));
    }
    lines
}
