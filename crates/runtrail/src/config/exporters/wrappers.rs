//! What is around an exporter: another attempt, a rate, a file for what is given up.

use std::path::PathBuf;

use runtrail_core::export::{Exporter, RateLimit, RateLimitSettings, Retry, RetrySettings};
#[cfg(any(feature = "json", feature = "otlp"))]
use runtrail_core::export::{SpanExporter, Spans};
#[cfg(any(feature = "json", feature = "otlp"))]
use runtrail_core::fold::Fold;

use crate::config::section::{Document, Section};
use crate::pause::Pause;

/// The wrappers that are asked for.
#[derive(Debug, Default)]
pub(super) struct Wrappers {
    retry: Option<RetrySettings>,
    rate_limit: Option<RateLimitSettings>,
    dead_letters: Option<PathBuf>,
}

impl Wrappers {
    /// Puts around an exporter of events what may be around it alone.
    #[cfg_attr(
        all(feature = "otlp", not(any(feature = "json", feature = "parquet"))),
        expect(dead_code, reason = "there is no exporter of events")
    )]
    pub(super) fn around_events(
        &self,
        exporter: Box<dyn Exporter>,
        pause: &Pause,
    ) -> Box<dyn Exporter> {
        let mut exporter = exporter;
        if let Some(settings) = self.rate_limit {
            exporter = Box::new(RateLimit::new(exporter, settings, pause.clone()));
        }
        if let Some(settings) = self.retry {
            exporter = Box::new(Retry::new(exporter, settings, pause.clone()));
        }
        exporter
    }

    /// As [`Wrappers::around_events`], beneath the fold, which cannot be handed a batch again.
    #[cfg(any(feature = "json", feature = "otlp"))]
    pub(super) fn beneath_fold(
        &self,
        exporter: Box<dyn SpanExporter>,
        fold: Fold,
        pause: &Pause,
    ) -> Box<dyn Exporter> {
        let mut exporter = exporter;
        if let Some(settings) = self.rate_limit {
            exporter = Box::new(RateLimit::new(exporter, settings, pause.clone()));
        }
        if let Some(settings) = self.retry {
            exporter = Box::new(Retry::new(exporter, settings, pause.clone()));
        }
        Box::new(Spans::with_fold(exporter, fold))
    }

    /// Puts the file for what is given up around all.
    #[cfg(feature = "json")]
    pub(super) fn around(self, exporter: Box<dyn Exporter>) -> Box<dyn Exporter> {
        use runtrail_core::export::DeadLetter;
        use runtrail_json::DeadLetterFile;
        match self.dead_letters {
            Some(path) => Box::new(DeadLetter::new(exporter, DeadLetterFile::new(path))),
            None => exporter,
        }
    }

    /// Without the feature no path is ever read.
    #[cfg(not(feature = "json"))]
    pub(super) fn around(self, exporter: Box<dyn Exporter>) -> Box<dyn Exporter> {
        let _ = self.dead_letters;
        exporter
    }
}

/// Reads `retry`, `rate_limit` and `dead_letters` of an exporter that writes files, and may be unsure whether it did.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    is_unsure: bool,
    to: &mut Document<'_>,
) -> Wrappers {
    let before = to.problems.len();
    let retry = section.table("retry", to);
    let rate_limit = section.table("rate_limit", to);
    let dead_letters = section.string("dead_letters", to);
    if let Some(at) = &dead_letters
        && !cfg!(feature = "json")
    {
        let help = Some("build it with the feature `json`".to_owned());
        to.problem(&at.span, "dead letters are not in this program", help);
    }
    let wrappers = Wrappers {
        retry: retry.map(|section| read_retry(section, is_unsure, to)),
        rate_limit: rate_limit.map(|section| read_rate_limit(section, to)),
        dead_letters: dead_letters.map(|at| PathBuf::from(at.value)),
    };
    // Files that could not be written are not written again: what they hold by then is not known.
    let acts = wrappers.rate_limit.is_some() || wrappers.retry.is_none_or(|it| it.retry_unknown);
    if !acts && to.problems.len() == before {
        let message = if is_unsure {
            "`retry` does nothing without a `rate_limit` that turns batches away or `retry_unknown = true`"
        } else {
            "`retry` does nothing without a `rate_limit` that turns batches away"
        };
        to.problem(&section.span_of("retry"), message, None);
    }
    wrappers
}

fn read_retry(
    mut section: Section<'_, '_>,
    is_unsure: bool,
    to: &mut Document<'_>,
) -> RetrySettings {
    let default = RetrySettings::default();
    let settings = RetrySettings {
        max_attempts: section
            .number("max_attempts", to)
            .unwrap_or(default.max_attempts),
        first_delay: section
            .duration("first_delay", to)
            .unwrap_or(default.first_delay),
        max_delay: section
            .duration("max_delay", to)
            .unwrap_or(default.max_delay),
        max_stated_delay: section
            .duration("max_stated_delay", to)
            .unwrap_or(default.max_stated_delay),
        max_total: section
            .duration("max_total", to)
            .unwrap_or(default.max_total),
        retry_unknown: section
            .boolean("retry_unknown", to)
            .unwrap_or(default.retry_unknown),
        // Processes that begin with the same configuration must not come back together.
        seed: section
            .number("seed", to)
            .unwrap_or_else(|| u64::from(std::process::id())),
    };
    if settings.retry_unknown && !is_unsure {
        let message = "`retry_unknown` does nothing here: this exporter knows whether it wrote";
        to.problem(&section.span_of("retry_unknown"), message, None);
    }
    if settings.max_attempts == 0 {
        let place = section.span_of("max_attempts");
        to.problem(&place, "`max_attempts` must be at least 1", None);
    }
    section.finish(to);
    settings
}

fn read_rate_limit(mut section: Section<'_, '_>, to: &mut Document<'_>) -> RateLimitSettings {
    let default = RateLimitSettings::default();
    let settings = RateLimitSettings {
        per_second: section
            .float("per_second", to)
            .unwrap_or(default.per_second),
        burst: section.number("burst", to).unwrap_or(default.burst),
        max_wait: section.duration("max_wait", to).unwrap_or(default.max_wait),
    };
    if settings.per_second <= 0.0 || !settings.per_second.is_finite() {
        let place = section.span_of("per_second");
        to.problem(&place, "`per_second` must be above 0", None);
    }
    if settings.burst == 0 {
        to.problem(
            &section.span_of("burst"),
            "`burst` must be at least 1",
            None,
        );
    }
    section.finish(to);
    settings
}
