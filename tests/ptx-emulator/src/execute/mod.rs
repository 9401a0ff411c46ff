//! Runs kernels: a launch of blocks, a block of warps, a warp of 32 lanes.
//!
//! [`launch`](Launch::run) runs blocks one after another; [`block`] lets warps take turns and releases barriers;
//! [`warp`] picks the lanes to go on (those at the lowest instruction, so that branches join again as early as can be)
//! and does control flow; [`step`] does all that moves no lane elsewhere.

mod atomic;
mod block;
mod collective;
mod compare;
mod convert;
mod copy;
mod float;
mod half;
mod integer;
mod launch;
mod matrix;
mod memory;
mod registers;
mod step;
mod vector;
mod warp;

pub use launch::{Launch, Options, Statistics};

use crate::fault::FaultKind;

/// A mistake at one lane of a warp.
#[derive(Debug)]
struct LaneFault {
    lane: usize,
    kind: FaultKind,
}

type Outcome<T = ()> = Result<T, Box<LaneFault>>;

fn fault<T>(lane: usize, kind: FaultKind) -> Outcome<T> {
    Err(Box::new(LaneFault { lane, kind }))
}
