//! The entry points that `cudarc` looks up, by group.
//!
//! Each is a thin skin: it takes apart what C hands over and calls [`State`], inside [`call`], which counts the call,
//! injects failures and checks what all calls of its kind need.

mod context;
mod device;
mod error;
mod graph;
mod launch;
mod memory;
mod modules;
mod streams;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::state::{Driver, State};
use crate::status::{Outcome, Status};

thread_local! {
    /// The context that is current on a thread, and the session it is of.
    static CONTEXT: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

/// The context that is current on this thread; 0 is none.
fn current_context(state: &State) -> usize {
    let (session, context) = CONTEXT.get();
    if session == state.session { context } else { 0 }
}

/// The primary context of the device.
const PRIMARY: usize = 0xc0de_0000;

/// What a call needs to be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: it may come first.
    Nothing,
    /// That `cuInit` was called.
    Driver,
    /// A context on this thread, and no error that stays.
    Context,
    /// It gives something back: done also where an error stays, which then is reported.
    Release,
}

/// Does a call: counts it, injects failures, checks what it needs.
pub(crate) fn call(name: &'static str, needs: Needs, act: impl FnOnce(&mut State) -> Outcome) -> u32 {
    // A panic must not unwind into C; what the driver knows may then be wrong, so that nothing more is done.
    let result =
        catch_unwind(AssertUnwindSafe(|| Driver::get().with(|state| guarded(state, name, needs, act))));
    let result = result.unwrap_or_else(|_| {
        Driver::get().with(|state| state.lost = Some(Status::UNKNOWN));
        Err(Status::UNKNOWN)
    });
    result.map_or_else(Status::code, |()| 0)
}

fn guarded(
    state: &mut State,
    name: &'static str,
    needs: Needs,
    act: impl FnOnce(&mut State) -> Outcome,
) -> Outcome {
    let number = state.calls.len();
    state.calls.push(name);
    let failure = state.failures.iter().find(|failure| failure.call == number).copied();
    if let Some(failure) = failure {
        if failure.lasting {
            state.lost = Some(failure.status);
        }
        if needs == Needs::Release {
            // What is given back is gone, whatever the call says.
            let _ = act(state);
        }
        return state.refuse(failure.status, format!("{name}: an injected failure"));
    }
    match needs {
        Needs::Nothing => {}
        _ if !state.initialised => return Err(Status::NOT_INITIALIZED),
        Needs::Driver => {}
        Needs::Context => {
            if current_context(state) == 0 {
                return Err(Status::INVALID_CONTEXT);
            }
            if let Some(status) = state.lost {
                return Err(status);
            }
        }
        Needs::Release => {
            let lost = state.lost;
            let done = act(state);
            return lost.map_or(done, Err);
        }
    }
    act(state)
}

/// Writes a result to where C wants it.
///
/// # Safety
/// `to` is null or points to memory for a `T`.
pub(crate) unsafe fn give<T>(to: *mut T, value: T) -> Outcome {
    if to.is_null() {
        return Err(Status::INVALID_VALUE);
    }
    // SAFETY: not null, and so good for a `T`, says the caller.
    unsafe { to.write(value) };
    Ok(())
}
