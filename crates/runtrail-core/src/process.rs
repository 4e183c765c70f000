//! What stands between emitting and exporting: processors drop, change, hold back and add events.
//!
//! A [`Processor`] keeps its state per run, over any number of batches. A [`Chain`] of them runs on
//! the pipeline's worker, and works just as well by hand:
//!
//! ```
//! use runtrail_core::event::TraceEvent;
//! use runtrail_core::process::{Chain, Discard, Output, Processor};
//! use runtrail_core::text::Text;
//!
//! /// Lets nothing of one op through.
//! struct Without(&'static str);
//!
//! impl Processor for Without {
//!     fn name(&self) -> &str {
//!         "without"
//!     }
//!     fn process(&mut self, event: TraceEvent, out: &mut Output) {
//!         if event.op_name.as_deref() == Some(self.0) {
//!             out.discard(&event, Discard::Filtered);
//!         } else {
//!             out.forward(event);
//!         }
//!     }
//!     fn finish(&mut self, _request_id: &Text, _out: &mut Output) {}
//!     fn held(&self) -> u64 {
//!         0
//!     }
//! }
//!
//! let chain = Chain::new(vec![Box::new(Without("main.noise"))]);
//! assert_eq!(chain.held(), 0);
//! ```

mod aggregate;
mod chain;
mod dedup;
mod drop_empty;
mod edit;
mod enrich;
mod filter;
mod group_by;
mod groups;
mod hold;
mod lift;
mod moment;
mod output;
mod pattern;
mod redact;
mod runs;
mod sample;
mod settings;
mod tokens;
mod truncate;
mod value;

use std::any::Any;

pub use aggregate::{Aggregate, AggregateSettings, Reducer, Stat};
pub use chain::Chain;
pub use dedup::{Dedup, DedupSettings};
pub use drop_empty::{DropEmpty, DropEmptySettings};
pub use enrich::{Enrich, EnrichSettings};
pub use filter::{DropKinds, DropKindsSettings, DropOps, KeepOps, OpFilterSettings};
pub use group_by::{Boundary, EventMatch, GroupBy, GroupBySettings};
pub use output::{Discard, Output, Tally};
pub use pattern::NamePattern;
pub use redact::{Redact, RedactSettings};
pub use sample::{Sample, SampleSettings, WhenFull};
pub use settings::{HoldLimits, SettingsError, StateLimits};
pub use truncate::{Truncate, TruncateSettings};
pub use value::ValuePath;

use crate::event::TraceEvent;
use crate::text::Text;

/// Takes a run's events one by one, in their order, and gives zero or more for each.
///
/// Every event handed in is forwarded, discarded, or held and counted by [`held`](Self::held); every
/// event given out beside them is made. A [`Chain`] checks the sum.
pub trait Processor: Any + Send {
    /// Returns the name that a configuration knows it by.
    fn name(&self) -> &str;

    /// Takes an event.
    fn process(&mut self, event: TraceEvent, out: &mut Output);

    /// Gives what is held of a run that ended, and forgets the run.
    fn finish(&mut self, request_id: &Text, out: &mut Output);

    /// Returns how many events are held back, over all runs.
    fn held(&self) -> u64;
}
