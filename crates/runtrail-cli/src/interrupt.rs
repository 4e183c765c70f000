//! Ctrl-C: once to stop at a clean point, twice to stop at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::code::Code;

/// Sets `flag` at the first interruption; the second one ends the process.
pub(crate) fn set_on_interrupt(raised: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // The order matters: what is registered first sees the flag as it was before this signal.
        flag::register_conditional_shutdown(signal, Code::Interrupted as i32, Arc::clone(raised))?;
        flag::register(signal, Arc::clone(raised))?;
    }
    Ok(())
}
