//! Tokens and cost as people read them.

use runtrail_core::span::Usage;

use crate::glyph::Glyphs;
use crate::human;

/// Returns the tokens of all kinds; `None` where no call reported any.
pub(crate) fn tokens(usage: &Usage) -> Option<u64> {
    let parts = match (usage.prompt_tokens, usage.completion_tokens) {
        (None, None) => None,
        (prompt, completion) => Some(prompt.unwrap_or(0).saturating_add(completion.unwrap_or(0))),
    };
    usage
        .total_tokens
        .or(parts)
        .and_then(|tokens| u64::try_from(tokens).ok())
}

/// Shows the tokens: nothing where there was no call, a dash where they are not known.
pub(crate) fn show_tokens(usage: &Usage, glyphs: Glyphs) -> String {
    match tokens(usage) {
        Some(tokens) => human::count(tokens),
        None if usage.calls > 0 => glyphs.unknown().to_owned(),
        None => String::new(),
    }
}

/// Shows the cost: nothing where there was no call, a dash where it is not known, never $0.00.
pub(crate) fn show_cost(usage: &Usage, glyphs: Glyphs) -> String {
    match usage.cost_usd {
        Some(cost) => human::dollars(cost),
        None if usage.calls > 0 => glyphs.unknown().to_owned(),
        None => String::new(),
    }
}

/// Says that the cost is not all of it.
pub(crate) fn missing_cost(usage: &Usage) -> Option<String> {
    let calls = usage.calls_without_cost;
    let verb = if calls == 1 { "reports" } else { "report" };
    (calls > 0).then(|| format!("({} {verb} no cost)", human::counted(calls, "call")))
}
