//! Exporters and processors that make trouble on demand.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, ExportError, ExportErrorKind, Exporter};
use runtrail_core::process::{Output, Processor};
use runtrail_core::text::Text;

/// A gate that threads wait at while it is shut. A clone is the same gate; a new one is open.
///
/// ```
/// use runtrail_testkit::trouble::Gate;
///
/// let gate = Gate::default();
/// gate.pass();
/// gate.shut();
/// let opener = gate.clone();
/// std::thread::spawn(move || opener.open());
/// gate.pass();
/// assert!(gate.arrived() >= 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    shut: bool,
    arrived: u64,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shuts the gate.
    pub fn shut(&self) {
        self.state().shut = true;
    }

    /// Opens the gate.
    pub fn open(&self) {
        self.state().shut = false;
        self.0.1.notify_all();
    }

    /// Waits until the gate is open.
    pub fn pass(&self) {
        let mut state = self.state();
        state.arrived += 1;
        self.0.1.notify_all();
        while state.shut {
            state = self.wait(state);
        }
    }

    /// Returns how often someone came to the gate.
    pub fn arrived(&self) -> u64 {
        self.state().arrived
    }

    /// Waits until someone has come to the gate so many times.
    pub fn wait_for(&self, times: u64) {
        let mut state = self.state();
        while state.arrived < times {
            state = self.wait(state);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, GateState>) -> MutexGuard<'a, GateState> {
        self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// A processor that hands on everything, and waits at a gate before each event.
#[derive(Debug)]
pub struct GatedProcessor(pub Gate);

impl Processor for GatedProcessor {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        self.0.pass();
        out.forward(event);
    }

    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {}

    fn held(&self) -> u64 {
        0
    }
}

/// What an exporter does with its batches.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// Waits at a gate in every call, then succeeds.
    Stuck(Gate),
    /// Fails every export with this kind.
    Fails(ExportErrorKind),
    /// Panics in every export.
    PanicsOnExport,
    /// Panics in flush and close.
    PanicsAtTheEnd,
}

/// An exporter that makes trouble.
#[derive(Debug)]
pub struct Troubled(pub Trouble);

impl Troubled {
    #[expect(clippy::panic, reason = "the trouble that this is for")]
    fn call(&self, at_the_end: bool) -> Result<(), ExportError> {
        match &self.0 {
            Trouble::Stuck(gate) => gate.pass(),
            Trouble::Fails(kind) if !at_the_end => {
                return Err(ExportError::new(
                    kind.clone(),
                    "the destination is in trouble",
                ));
            }
            Trouble::PanicsOnExport if !at_the_end => panic!("an exporter panics in export"),
            Trouble::PanicsAtTheEnd if at_the_end => panic!("an exporter panics at the end"),
            _ => {}
        }
        Ok(())
    }
}

impl Exporter for Troubled {
    fn name(&self) -> &'static str {
        "troubled"
    }

    fn export(&mut self, _batch: &Batch) -> Result<(), ExportError> {
        self.call(false)
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        self.call(true)
    }

    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        self.call(true)
    }
}
