//! What an LLM call used.

use super::at::At;
use super::record::Kind;

/// What an LLM call used; what is `None` stays missing in every sum.
///
/// ```
/// use runtrail_core::emit::LlmUsage;
///
/// let usage = LlmUsage {
///     prompt_tokens: Some(812),
///     completion_tokens: Some(64),
///     ..LlmUsage::of("large-2")
/// };
/// assert_eq!(usage.cost_usd, None);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LlmUsage<'a> {
    /// The model that was called.
    pub model: &'a str,
    /// Tokens sent.
    pub prompt_tokens: Option<u64>,
    /// Tokens received.
    pub completion_tokens: Option<u64>,
    /// Tokens in all, where the provider says so.
    pub total_tokens: Option<u64>,
    /// What it cost in US dollars.
    pub cost_usd: Option<f64>,
}

impl<'a> LlmUsage<'a> {
    /// Usage of a model, with nothing known of it yet.
    pub fn of(model: &'a str) -> Self {
        Self {
            model,
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn record(self, at: At) {
        if at.is_off() {
            return;
        }
        at.record(Kind::LlmUsage, 0, 0, |draft| {
            draft.value(self.model);
            draft.value(&self.prompt_tokens);
            draft.value(&self.completion_tokens);
            draft.value(&self.total_tokens);
            draft.value(&self.cost_usd);
        });
    }
}
