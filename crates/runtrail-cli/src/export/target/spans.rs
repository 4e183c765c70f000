//! Exporting as OpenTelemetry spans.

use runtrail_core::export::{Exporter, SpanExporter, Spans};
use runtrail_core::fold::{Fold, FoldLimits};
use runtrail_otlp::map::{Content, MapSettings};
use runtrail_otlp::{Counts, Otlp, SendSettings};

use crate::args::ExportArgs;
use crate::code::Code;
use crate::export::totals::{Counting, Totals};
use crate::failure::Failure;
use crate::glyph::{Glyphs, State};
use crate::human::count;

/// What became of spans; `sent = accepted + rejected + given_up`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct SpanCounts {
    /// Spans that runs became, or that were read from a file of them.
    pub(crate) sent: u64,
    /// Those that the destination took.
    pub(crate) accepted: u64,
    /// Those that it said it did not take.
    pub(crate) rejected: u64,
    /// Those that were not delivered.
    pub(crate) given_up: u64,
    /// Those of them that are in the file of dead letters.
    pub(crate) dead_letters: u64,
    /// Requests, each attempt counted.
    pub(crate) requests: u64,
    /// Attempts that had to be made again.
    pub(crate) retries: u64,
    /// What the destination said of those that it did not take.
    pub(crate) reasons: Vec<String>,
    /// Whether exporting is switched off by the environment.
    pub(crate) disabled: bool,
}

impl SpanCounts {
    /// Reads the counts of an exporter.
    pub(crate) fn of(counts: &Counts) -> Self {
        Self {
            sent: counts.spans,
            accepted: counts.accepted,
            rejected: counts.rejected,
            given_up: counts.given_up,
            dead_letters: counts.dead_letters,
            requests: counts.requests,
            retries: counts.retries,
            reasons: counts.reasons.clone(),
            disabled: counts.disabled > 0,
        }
    }

    /// Whether every span is accounted for.
    pub(crate) fn balance(&self) -> bool {
        self.sent == self.accepted + self.rejected + self.given_up
    }

    /// Whether some were not taken.
    pub(crate) fn not_all_taken(&self) -> bool {
        self.rejected + self.given_up > 0
    }

    /// The balance as a line of text.
    pub(crate) fn text(&self, glyphs: Glyphs) -> String {
        if self.disabled {
            return "  nothing was sent: OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER says so"
                .to_owned();
        }
        let holds = self.balance();
        let state = if holds { State::Ok } else { State::Error };
        format!(
            "  spans = accepted + rejected + dead letters: {} {} {} + {} + {} {}",
            count(self.sent),
            if holds { "=" } else { "is not" },
            count(self.accepted),
            count(self.rejected),
            count(self.given_up),
            glyphs.paint(state, glyphs.shape(state)),
        )
    }
}

/// What the mapping goes by.
pub(crate) fn mapping(args: &ExportArgs) -> MapSettings {
    MapSettings {
        namespace: args.namespace.clone(),
        ..MapSettings::default()
    }
}

/// Sets up sending; what the command line does not say is taken from OpenTelemetry's variables.
pub(crate) fn sender(url: &str, args: &ExportArgs) -> Result<Otlp, Failure> {
    let mut builder = Otlp::builder()
        .mapping(mapping(args))
        .settings(SendSettings {
            spans_per_second: args.max_spans_per_second,
            ..SendSettings::default()
        });
    // Who names the whole path means that path.
    let path = url.split(['?', '#']).next().unwrap_or(url);
    builder = if path.ends_with("/v1/traces") {
        builder.traces_endpoint(url)
    } else {
        builder.endpoint(url)
    };
    if args.content {
        builder = builder.content(Content::ALL);
    }
    if let Some(path) = &args.dead_letter {
        builder = builder.dead_letters(path);
    }
    builder
        .build()
        .map_err(|error| Failure::of(Code::Usage, &error))
}

/// Makes an exporter of events that adds up the runs on their way.
pub(crate) fn exporter<E: SpanExporter + 'static>(
    spans: E,
    namespace: &str,
) -> (Box<dyn Exporter>, Totals) {
    let (counting, totals) = Counting::new(spans);
    let fold = Fold::new(namespace, FoldLimits::default());
    (Box::new(Spans::with_fold(counting, fold)), totals)
}
