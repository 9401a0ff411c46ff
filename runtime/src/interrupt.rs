//! Signals. Ctrl-C, and the one with which a cluster ends a job: the first asks, the second insists.
//!
//! At the first the training loop finishes its step, writes a checkpoint and leaves with [`EXIT_CODE`]; at the second
//! the process ends at once, and the last checkpoint is what there is.
//!
//! A closed terminal (SIGHUP) is left alone, so that `nohup` does what it says.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What the process exits with after an interruption: 128 + SIGINT, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// Whether somebody asked for an end. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

/// The system does not let signals be handled.
#[derive(Debug, thiserror::Error)]
#[error("signals cannot be handled: {0}")]
pub struct InterruptError(#[from] io::Error);

impl Interrupt {
    /// Handles Ctrl-C and termination from now on, for the whole process. [`Interrupt::default`] handles nothing and is
    /// for programs that do that themselves.
    ///
    /// # Errors
    /// The system's.
    pub fn install() -> Result<Interrupt, InterruptError> {
        let interrupt = Interrupt::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: at the first signal the flag is not yet set when it is looked at.
            flag::register_conditional_shutdown(signal, EXIT_CODE.into(), interrupt.requested.clone())?;
            flag::register(signal, interrupt.requested.clone())?;
        }
        acknowledge_first()?;
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

/// From now on the process ends without a word once nobody reads what it prints, as others do before `head`. Without
/// this, printing panics.
///
/// # Errors
/// The system's.
#[cfg(unix)]
pub fn end_with_the_reader() -> Result<(), InterruptError> {
    let always = Arc::new(AtomicBool::new(true));
    flag::register_conditional_default(signal_hook::consts::SIGPIPE, always)?;
    Ok(())
}

/// Only Unix has a signal for it.
#[cfg(not(unix))]
pub fn end_with_the_reader() -> Result<(), InterruptError> {
    Ok(())
}

/// Answers the first signal at once: a step may take seconds, and who sees nothing presses again. A handler may not
/// print, so a thread does.
#[cfg(unix)]
fn acknowledge_first() -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("equilayer-interrupt".into()).spawn(move || {
        if signals.forever().next().is_some() {
            eprintln!("\nstopping after this step, with a checkpoint; once more to stop at once");
        }
    })?;
    Ok(())
}

/// Only Unix lets threads wait for signals.
#[cfg(not(unix))]
fn acknowledge_first() -> io::Result<()> {
    Ok(())
}
