//! Loops over 32 lanes, which the compiler makes vector instructions of.
//!
//! They are compiled for the least x86-64, whose vectors are good enough for all but fused multiply-adds: those take a
//! call of the C library for each lane unless the machine's own instruction may be used, so [`Vector::fused`] is compiled
//! for it too and chosen when run.

use pulp::Arch;

use super::registers::{Element, Registers};
use crate::memory::region::Lanes;
use crate::operation::Row;

/// The lanes that take part, and how to loop over them.
#[derive(Clone, Copy)]
pub(super) struct Vector {
    pub arch: Arch,
    pub mask: u32,
}

impl Vector {
    /// Puts `result` into the lanes that take part.
    #[inline(always)]
    pub fn put<E: Element>(self, to: &mut Lanes<E>, result: &Lanes<E>) {
        if self.mask == u32::MAX {
            *to = *result;
        } else {
            for lane in 0..32 {
                to[lane] = if self.mask >> lane & 1 == 1 { result[lane] } else { to[lane] };
            }
        }
    }

    #[inline(always)]
    pub fn map1<E: Element, A: Element>(
        self,
        registers: &mut Registers,
        to: Row,
        a: Row,
        f: impl Fn(A) -> E,
    ) {
        let a = registers.row::<A>(a);
        let mut result = [E::default(); 32];
        for lane in 0..32 {
            result[lane] = f(a[lane]);
        }
        self.put(registers.row_mut(to), &result);
    }

    #[inline(always)]
    pub fn map2<E: Element, A: Element, B: Element>(
        self,
        registers: &mut Registers,
        to: Row,
        (a, b): (Row, Row),
        f: impl Fn(A, B) -> E,
    ) {
        let (a, b) = (registers.row::<A>(a), registers.row::<B>(b));
        let mut result = [E::default(); 32];
        for lane in 0..32 {
            result[lane] = f(a[lane], b[lane]);
        }
        self.put(registers.row_mut(to), &result);
    }

    #[inline(always)]
    pub fn map3<E: Element, A: Element, B: Element, C: Element>(
        self,
        registers: &mut Registers,
        to: Row,
        (a, b, c): (Row, Row, Row),
        f: impl Fn(A, B, C) -> E,
    ) {
        let (a, b, c) = (registers.row::<A>(a), registers.row::<B>(b), registers.row::<C>(c));
        let mut result = [E::default(); 32];
        for lane in 0..32 {
            result[lane] = f(a[lane], b[lane], c[lane]);
        }
        self.put(registers.row_mut(to), &result);
    }

    /// As [`map3`](Self::map3), with fused multiply-adds inside.
    #[inline(always)]
    pub fn fused<E: Element>(
        self,
        registers: &mut Registers,
        to: Row,
        rows: (Row, Row, Row),
        f: impl Fn(E, E, E) -> E,
    ) {
        self.arch.dispatch(
            #[inline(always)]
            || self.map3(registers, to, rows, f),
        );
    }

    /// A bit for each lane: whether `f` holds of its values.
    #[inline(always)]
    pub fn test<A: Element>(
        self,
        registers: &Registers,
        (a, b): (Row, Row),
        f: impl Fn(A, A) -> bool,
    ) -> u32 {
        let (a, b) = (registers.row::<A>(a), registers.row::<A>(b));
        (0..32).fold(0, |found, lane| found | u32::from(f(a[lane], b[lane])) << lane)
    }
}
