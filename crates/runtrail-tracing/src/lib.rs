//! Records programs that are instrumented with `tracing` as runs.
//!
//! # Start
//!
//! ```
//! use std::time::Duration;
//! use runtrail_core::pipeline::Pipeline;
//! use tracing_subscriber::prelude::*;
//! # use runtrail_testkit::capture::CaptureSpans;
//! # let exporter = CaptureSpans::default();
//! # let arrived = exporter.handle();
//!
//! let trail = Pipeline::builder().span_exporter(exporter).start()?;
//! let subscriber = tracing_subscriber::registry().with(runtrail_tracing::layer(trail.handle()));
//! # tracing::subscriber::with_default(subscriber, || {
//! // `subscriber.init()` in a program.
//! tracing::info_span!("answer", runtrail.run = "req-42").in_scope(|| {
//!     let call = tracing::info_span!("chat", gen_ai.request.model = "small-1");
//!     let _in = call.enter();
//!     tracing::info!(gen_ai.usage.input_tokens = 812, gen_ai.usage.output_tokens = 64, "done");
//! });
//! # });
//! assert!(trail.shutdown(Duration::from_secs(5)).is_complete());
//! # assert_eq!(arrived.arrived().runs[0].usage.prompt_tokens, Some(812));
//! # Ok::<(), runtrail_core::pipeline::StartError>(())
//! ```
//!
//! # What becomes of what
//!
//! | in the program | in the run |
//! |---|---|
//! | a span without a parent | begins a run; its id is the field `runtrail.run`, or made of the span's name and a number |
//! | a span | an op with the span's name; its fields are the inputs, those recorded later the outputs |
//! | a span with the field `runtrail.group` | a group: of that name if it is text, of the span's name if it is `true` |
//! | `gen_ai.usage.*` on a span | one `llm_usage` at its end |
//! | `gen_ai.usage.*` on an event | an `llm_usage` there |
//! | an event at level ERROR; the field `error` on a span | the op ends as an error, with the first such message |
//! | any other event | a note `event` with its level, message and fields |
//!
//! Of usage the names `gen_ai.usage.{input_tokens,output_tokens,total_tokens,cost}` are read, of the model
//! `gen_ai.request.model` and, rather, `gen_ai.response.model`.
//!
//! # Guarantees
//!
//! - A span's parent is the span that `tracing` says, by its id: across threads and await points, and
//!   however often a span is entered. Neither enter nor exit is looked at.
//! - A span that has no parent, and stands in code that is in an [op](runtrail_core::emit) of the
//!   pipeline's own, belongs to that op; one with `parent: None` begins a run all the same.
//! - An op ends when its span closes, which is when its last handle is gone and its last child closed.
//! - What the pipeline says of itself, and what is done on its own threads, is never recorded.
//! - State is bounded by the number of open spans, of each by [`Limits`].

mod fields;
mod layer;
mod value;

pub use fields::Limits;
pub use layer::{TraceLayer, layer};
