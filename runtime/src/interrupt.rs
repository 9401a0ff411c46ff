//! Ctrl-C, and the signal with which a cluster ends a job: the first asks, the second insists.
//!
//! At the first the training loop finishes its step, writes a checkpoint and leaves with [`EXIT_CODE`]; at the second
//! the process ends at once, and the last checkpoint is what there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the process exits with after an interruption: 128 + SIGINT, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// Whether somebody asked for an end. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

/// The system does not let signals be handled, or something else in the process handles them.
#[derive(Debug, thiserror::Error)]
#[error("Ctrl-C cannot be handled: {0}; call `Interrupt::install` once, and have no other handler")]
pub struct InterruptError(#[from] ctrlc::Error);

impl Interrupt {
    /// Handles Ctrl-C and termination from now on, for the whole process. [`Interrupt::default`] handles nothing and is
    /// for programs that do that themselves.
    ///
    /// # Errors
    /// A second call, or another handler.
    pub fn install() -> Result<Interrupt, InterruptError> {
        let interrupt = Interrupt::default();
        let handled = interrupt.clone();
        ctrlc::try_set_handler(move || {
            if handled.is_requested() {
                std::process::exit(EXIT_CODE.into());
            }
            handled.request();
            eprintln!("\nstopping after this step, with a checkpoint; once more to stop at once");
        })?;
        Ok(interrupt)
    }

    /// Asks for an end, as the first Ctrl-C does.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
    }

    /// Whether the loop should stop after its step.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }
}
