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

mod chain;
mod output;

pub use chain::Chain;
pub use output::{Discard, Output, Tally};

use crate::event::TraceEvent;
use crate::text::Text;

/// Takes a run's events one by one, in their order, and gives zero or more for each.
///
/// Every event handed in is forwarded, discarded, or held and counted by [`held`](Self::held); every
/// event given out beside them is made. A [`Chain`] checks the sum.
pub trait Processor: Send {
    /// Returns the name that a configuration knows it by.
    fn name(&self) -> &str;

    /// Takes an event.
    fn process(&mut self, event: TraceEvent, out: &mut Output);

    /// Gives what is held of a run that ended, and forgets the run.
    fn finish(&mut self, request_id: &Text, out: &mut Output);

    /// Returns how many events are held back, over all runs.
    fn held(&self) -> u64;
}
