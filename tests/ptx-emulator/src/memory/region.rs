//! One piece of memory, and the checks of an access by a warp.

use std::ops::Range;

use pulp::Arch;

use super::race::{ATOMIC, Clock, Record};

/// A value for each lane of a warp.
pub(crate) type Lanes<T> = [T; 32];

/// Bytes that nobody wrote: stale reads give numbers that show.
const POISON: u8 = 0xaa;
/// All four bytes of a cell were written.
const WRITTEN: u8 = 0xf;
/// The cell belongs to no variable.
const RED_ZONE: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Atomic,
}

impl Access {
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Atomic => "atomic",
        }
    }
}

/// What is checked of an access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Reads of what nothing wrote.
    pub initialised: bool,
    /// Races; `None` for accesses that are exempt.
    pub race: Option<Clock>,
    /// Index in its block of the warp's first thread.
    pub first_thread: u32,
}

/// What a check found, at which lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub lane: usize,
    pub kind: ViolationKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViolationKind {
    RedZone,
    Uninitialised,
    Race(&'static str, Record),
}

/// Memory in cells of 4 bytes. Offsets are in bytes and, here, within the region: the caller checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Region {
    data: Vec<u8>,
    /// For each cell which of its bytes were written, or that it is a red zone.
    written: Vec<u8>,
    /// Records of races; empty until the first check for them.
    writers: Vec<Record>,
    readers: Vec<Record>,
}

pub(crate) fn lanes(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (lane < 32).then_some(lane)
    })
}

/// Which bytes of its cell an access of less than 4 bytes touches.
fn bytes_of_cell(offset: usize, bytes: usize) -> Record {
    if bytes >= 4 { 0xf } else { ((1 << bytes) - 1) << (offset % 4) }
}

impl Region {
    pub fn new(bytes: usize) -> Self {
        let mut data = vec![POISON; bytes];
        data.resize(bytes.next_multiple_of(4), POISON);
        let written = vec![0; bytes.div_ceil(4)];
        Self { data, written, ..Self::default() }
    }

    /// Size in bytes, rounded up to a whole cell.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Forgets what was written; records of races stay, and tell their age by their stamps.
    pub fn reset(&mut self) {
        self.data.fill(POISON);
        self.written.fill(0);
    }

    /// Forgets the records of races: stamps begin anew.
    pub fn forget_races(&mut self) {
        self.writers.clear();
        self.readers.clear();
    }

    /// Bytes from `offset` on, as the host or a copy wrote them.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.data[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.mark(offset, bytes.len());
    }

    pub fn read(&self, offset: usize, bytes: usize) -> &[u8] {
        &self.data[offset..offset + bytes]
    }

    pub fn fill(&mut self, offset: usize, pattern: &[u8], times: usize) {
        for chunk in self.data[offset..offset + pattern.len() * times].chunks_exact_mut(pattern.len()) {
            chunk.copy_from_slice(pattern);
        }
        self.mark(offset, pattern.len() * times);
    }

    fn mark(&mut self, offset: usize, bytes: usize) {
        let end = offset + bytes;
        let (first_whole, last_whole) = (offset.div_ceil(4), end / 4);
        if first_whole <= last_whole {
            self.written[first_whole..last_whole].fill(WRITTEN);
            for byte in (offset..first_whole * 4).chain(last_whole * 4..end) {
                self.written[byte / 4] |= 1 << (byte % 4);
            }
        } else {
            for byte in offset..end {
                self.written[byte / 4] |= 1 << (byte % 4);
            }
        }
    }

    pub fn mark_red_zone(&mut self, offset: usize, bytes: usize) {
        self.written[offset / 4..(offset + bytes) / 4].fill(RED_ZONE);
    }

    /// The first of these bytes that nothing wrote.
    pub fn first_unwritten(&self, offset: usize, bytes: usize) -> Option<usize> {
        let cells = &self.written[offset / 4..(offset + bytes).div_ceil(4)];
        if cells.iter().all(|&cell| cell == WRITTEN) {
            return None;
        }
        (offset..offset + bytes).find(|byte| self.written[byte / 4] & (1 << (byte % 4)) == 0)
    }

    /// Copies within a region or between two, with what is known of the bytes.
    pub fn take_from(&mut self, offset: usize, source: &[u8], unwritten: impl Fn(usize) -> bool) {
        self.data[offset..offset + source.len()].copy_from_slice(source);
        for index in 0..source.len() {
            let (cell, bit) = ((offset + index) / 4, 1 << ((offset + index) % 4));
            if unwritten(index) {
                self.written[cell] &= !bit;
            } else {
                self.written[cell] |= bit;
            }
        }
    }

    /// Makes room for records of races, which memory that only the host uses needs not.
    fn prepare(&mut self, rules: &Rules) {
        if rules.race.is_some() && self.writers.is_empty() {
            self.writers = vec![0; self.written.len()];
            self.readers = vec![0; self.written.len()];
        }
    }

    /// Checks an access by the lanes of `mask`, and takes note of it.
    pub fn check(
        &mut self,
        mask: u32,
        offsets: &Lanes<u64>,
        bytes: usize,
        access: Access,
        rules: &Rules,
    ) -> Result<(), Violation> {
        self.prepare(rules);
        if self.check_together(0..32, mask, offsets, bytes, access, rules) {
            return Ok(());
        }
        // Tiles of 16 columns put two rows into a warp.
        for half in [0..16, 16..32] {
            if self.check_together(half.clone(), mask, offsets, bytes, access, rules) {
                continue;
            }
            for lane in half.filter(|lane| mask >> lane & 1 == 1) {
                self.check_lane(lane, offsets[lane] as usize, bytes, access, rules)?;
            }
        }
        Ok(())
    }

    /// Checks neighbouring lanes at once, if they access consecutive cells or all read one. Says no, with nothing noted,
    /// otherwise and where all is not plainly well.
    fn check_together(
        &mut self,
        together: Range<usize>,
        mask: u32,
        offsets: &Lanes<u64>,
        bytes: usize,
        access: Access,
        rules: &Rules,
    ) -> bool {
        let wanted = u32::MAX >> (32 - together.len()) << together.start;
        let (first, per_lane) = (offsets[together.start], bytes / 4);
        let contiguous = bytes >= 4
            && mask & wanted == wanted
            && first.is_multiple_of(4)
            && is_contiguous(&offsets[together.clone()], bytes as u64);
        if contiguous {
            let cells = first as usize / 4..first as usize / 4 + together.len() * per_lane;
            let rules = Rules { first_thread: rules.first_thread + together.start as u32, ..*rules };
            return Arch::new().dispatch(
                #[inline(always)]
                || match access {
                    Access::Read => self.read_cells(cells, per_lane, &rules),
                    Access::Write => self.write_cells(cells, per_lane, &rules),
                    Access::Atomic => false,
                },
            );
        }
        access == Access::Read && self.read_one_for_all(mask & wanted, offsets, bytes, rules)
    }

    /// A read of consecutive cells, `per_lane` for each lane. Says no, with nothing noted, where all is not plainly well.
    #[inline(always)]
    fn read_cells(&mut self, cells: Range<usize>, per_lane: usize, rules: &Rules) -> bool {
        let wanted = if rules.initialised { WRITTEN } else { 0 };
        let bad = self.written[cells.clone()]
            .iter()
            .fold(false, |bad, &cell| bad | ((cell & wanted != wanted) | (cell & RED_ZONE != 0)));
        if bad {
            return false;
        }
        let Some(clock) = &rules.race else { return true };
        let first = rules.first_thread;
        let ordered =
            self.writers[cells.clone()].iter().enumerate().fold(true, |ordered, (index, &writer)| {
                ordered & clock.ordered(writer, first + (index / per_lane) as u32)
            });
        if ordered {
            for (index, reader) in self.readers[cells].iter_mut().enumerate() {
                *reader = clock.after_read(*reader, first + (index / per_lane) as u32, 0xf);
            }
        }
        ordered
    }

    /// As [`read_cells`](Self::read_cells), of a write.
    #[inline(always)]
    fn write_cells(&mut self, cells: Range<usize>, per_lane: usize, rules: &Rules) -> bool {
        let written = &mut self.written[cells.clone()];
        if written.iter().fold(0, |all, &cell| all | cell) & RED_ZONE != 0 {
            return false;
        }
        if let Some(clock) = &rules.race {
            let first = rules.first_thread;
            let writers = &mut self.writers[cells.clone()];
            let readers = &self.readers[cells];
            let ordered =
                writers.iter().zip(readers).enumerate().fold(true, |ordered, (index, (&writer, &reader))| {
                    let me = first + (index / per_lane) as u32;
                    ordered & clock.ordered(writer, me) & clock.ordered_readers(reader, me)
                });
            if !ordered {
                return false;
            }
            for (index, writer) in writers.iter_mut().enumerate() {
                *writer = clock.record(first + (index / per_lane) as u32, 0xf);
            }
        }
        written.fill(WRITTEN);
        true
    }

    /// A read of one place by several lanes. Says no, with nothing noted, where all is not plainly well.
    fn read_one_for_all(&mut self, mask: u32, offsets: &Lanes<u64>, bytes: usize, rules: &Rules) -> bool {
        let mut several = lanes(mask);
        let (Some(first), Some(second)) = (several.next(), several.next()) else { return false };
        let offset = offsets[first];
        if offsets[second] != offset || several.any(|lane| offsets[lane] != offset) {
            return false;
        }
        let (me, last) = (rules.first_thread + first as u32, 31 - mask.leading_zeros());
        let last = rules.first_thread + last;
        let touched = bytes_of_cell(offset as usize, bytes);
        let cells = offset as usize / 4..(offset as usize + bytes).div_ceil(4);
        for cell in cells.clone() {
            let written = self.written[cell];
            if written & RED_ZONE != 0 || (rules.initialised && u64::from(written) & touched != touched) {
                return false;
            }
            if let Some(clock) = &rules.race {
                // Ordered before both of two lanes is ordered before all of the warp.
                let writer = self.writers[cell];
                if !(clock.ordered(writer, me) && clock.ordered(writer, last)) {
                    return false;
                }
            }
        }
        if let Some(clock) = &rules.race {
            for cell in cells {
                let once = clock.after_read(self.readers[cell], me, touched);
                self.readers[cell] = clock.after_read(once, last, touched);
            }
        }
        true
    }

    /// As [`check`](Self::check), of one lane.
    pub fn check_one(
        &mut self,
        lane: usize,
        offset: usize,
        bytes: usize,
        access: Access,
        rules: &Rules,
    ) -> Result<(), Violation> {
        self.prepare(rules);
        self.check_lane(lane, offset, bytes, access, rules)
    }

    fn check_lane(
        &mut self,
        lane: usize,
        offset: usize,
        bytes: usize,
        access: Access,
        rules: &Rules,
    ) -> Result<(), Violation> {
        let violation = |kind| Violation { lane, kind };
        let touched = bytes_of_cell(offset, bytes);
        let me = rules.first_thread + lane as u32;
        for cell in offset / 4..(offset + bytes).div_ceil(4) {
            let written = self.written[cell];
            if written & RED_ZONE != 0 {
                return Err(violation(ViolationKind::RedZone));
            }
            let known = u64::from(written) & touched == touched;
            if access != Access::Write && rules.initialised && !known {
                return Err(violation(ViolationKind::Uninitialised));
            }
            if let Some(clock) = &rules.race {
                let (writer, reader) = (self.writers[cell], self.readers[cell]);
                let atomic = access == Access::Atomic;
                let race = match access {
                    Access::Read => clock.read_race(writer, me, touched),
                    _ => clock.write_race(writer, reader, me, touched, atomic),
                };
                if let Some((kind, other)) = race {
                    return Err(violation(ViolationKind::Race(kind, other)));
                }
                if access == Access::Read {
                    self.readers[cell] = clock.after_read(reader, me, touched);
                } else {
                    self.writers[cell] = clock.record(me, touched) | if atomic { ATOMIC } else { 0 };
                }
            }
            if access != Access::Read {
                self.written[cell] |= touched as u8;
            }
        }
        Ok(())
    }

    /// One value of `N` bytes for each lane of `mask`, after a check.
    #[inline(always)]
    pub fn gather<const N: usize>(
        &self,
        mask: u32,
        offsets: &Lanes<u64>,
        skip: usize,
        mut put: impl FnMut(usize, [u8; N]),
    ) {
        for lane in 0..32 {
            if mask >> lane & 1 == 1 {
                let at = offsets[lane] as usize + skip;
                let mut value = [0; N];
                value.copy_from_slice(&self.data[at..at + N]);
                put(lane, value);
            }
        }
    }

    /// As [`gather`](Self::gather), of a store.
    #[inline(always)]
    pub fn scatter<const N: usize>(
        &mut self,
        mask: u32,
        offsets: &Lanes<u64>,
        skip: usize,
        get: impl Fn(usize) -> [u8; N],
    ) {
        for lane in 0..32 {
            if mask >> lane & 1 == 1 {
                let at = offsets[lane] as usize + skip;
                self.data[at..at + N].copy_from_slice(&get(lane));
            }
        }
    }
}

/// Whether each lane follows the one before it, `bytes` apart.
fn is_contiguous(offsets: &[u64], bytes: u64) -> bool {
    let first = offsets[0];
    offsets
        .iter()
        .enumerate()
        .fold(true, |all, (lane, offset)| all & (*offset == first + lane as u64 * bytes))
}
