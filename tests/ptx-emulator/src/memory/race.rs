//! Which accesses are ordered: the rules of the check for data races.
//!
//! Time is a counter of *stamps*. A launch, a block, a barrier of the block and a barrier of a warp each begin a new
//! one; blocks run one after another, so that comparing stamps says what lies between two accesses. Of each 4 bytes two
//! records are kept: of the last write, and of the last read with flags for others' reads before it. Two accesses of
//! one place, not both reads and not both atomic, are ordered if
//!
//! - one thread made both, or
//! - both are of one block, with a barrier of the block between them, or
//! - both are of one warp, with a barrier of the warp between them.
//!
//! Blocks of one launch are never ordered. Launches are, by their stream. As the rule asks for order and not for what
//! happened, the verdict does not depend on the order in which warps happened to run. Volatile and stronger accesses are
//! exempt: they are how code orders itself, which this check does not follow.

/// A record of an access: stamp (32 bits), thread in the block (16), flags, and which of the 4 bytes (4).
pub(crate) type Record = u64;

const BYTES: Record = 0xf;
/// The write was atomic.
pub(crate) const ATOMIC: Record = 1 << 4;
/// A thread of another block of this launch read too.
const OTHER_BLOCK: Record = 1 << 5;
/// A thread of another warp read too, since the last barrier of the block.
const OTHER_WARP: Record = 1 << 6;
/// Another lane of the record's warp read too, since the last barrier of the warp.
const OTHER_LANE: Record = 1 << 7;

/// When it is for a warp: the stamps at which what is around it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub launch: u32,
    pub block: u32,
    /// The last barrier of the block.
    pub interval: u32,
    /// The last barrier of the warp or the block.
    pub warp: u32,
}

fn stamp(record: Record) -> u32 {
    (record >> 32) as u32
}

fn thread(record: Record) -> u32 {
    (record >> 16) as u32 & 0xffff
}

/// Who made an access, in words.
pub(crate) fn describe(record: Record, clock: &Clock, block_size: [u32; 3]) -> String {
    if stamp(record) < clock.block || record & OTHER_BLOCK != 0 {
        return "a thread of another block".to_owned();
    }
    let index = thread(record);
    let [x, y, _] = block_size;
    format!("thread ({},{},{}) of this block", index % x, index / x % y, index / (x * y))
}

impl Clock {
    pub fn record(&self, thread: u32, bytes: Record) -> Record {
        u64::from(self.warp) << 32 | u64::from(thread) << 16 | bytes
    }

    /// Whether the access of `record` and one of `me` now are ordered; without branches, to be done for many at once.
    #[inline(always)]
    pub fn ordered(&self, record: Record, me: u32) -> bool {
        let (stamp, other) = (stamp(record), thread(record));
        let in_block =
            (other == me) | (stamp < self.interval) | ((other / 32 == me / 32) & (stamp < self.warp));
        (stamp < self.launch) | ((stamp >= self.block) & in_block)
    }

    /// As [`ordered`](Self::ordered), for a record of reads, where also the flags' readers have to be.
    #[inline(always)]
    pub fn ordered_readers(&self, record: Record, me: u32) -> bool {
        let stamp = stamp(record);
        let other_warp = (record & OTHER_WARP != 0) & (stamp >= self.interval);
        let other_lane = (record & OTHER_LANE != 0) & (stamp >= self.warp);
        let flagged = (record & OTHER_BLOCK != 0) | other_warp | other_lane;
        self.ordered(record, me) & ((stamp < self.launch) | !flagged)
    }

    /// The record after a read by `me` of `bytes`, where `before` was.
    #[inline(always)]
    pub fn after_read(&self, before: Record, me: u32, bytes: Record) -> Record {
        let own = self.record(me, bytes);
        let stamp = stamp(before);
        if stamp < self.launch || before & bytes & BYTES == 0 {
            return own;
        }
        let other = thread(before);
        let same_warp = other / 32 == me / 32;
        let other_block = stamp < self.block || before & OTHER_BLOCK != 0;
        let in_interval = stamp >= self.interval;
        let other_warp = in_interval && (!same_warp || before & OTHER_WARP != 0);
        let other_lane =
            in_interval && same_warp && stamp >= self.warp && (other != me || before & OTHER_LANE != 0);
        own | if other_block { OTHER_BLOCK } else { 0 }
            | if other_warp { OTHER_WARP } else { 0 }
            | if other_lane { OTHER_LANE } else { 0 }
    }

    /// What is wrong with a write by `me`, if anything: the kind of race and the record of the other access.
    pub fn write_race(
        &self,
        writer: Record,
        reader: Record,
        me: u32,
        bytes: Record,
        atomic: bool,
    ) -> Option<(&'static str, Record)> {
        let both_atomic = atomic && writer & ATOMIC != 0;
        if writer & bytes & BYTES != 0 && !both_atomic && !self.ordered(writer, me) {
            return Some(("write-after-write", writer));
        }
        let read = reader & bytes & BYTES != 0;
        (read && !self.ordered_readers(reader, me)).then_some(("write-after-read", reader))
    }

    /// What is wrong with a read by `me`, if anything.
    pub fn read_race(&self, writer: Record, me: u32, bytes: Record) -> Option<(&'static str, Record)> {
        let written = writer & bytes & BYTES != 0;
        (written && !self.ordered(writer, me)).then_some(("read-after-write", writer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Launch 10, block 20, barrier 30, and a barrier of the warp at 35.
    const NOW: Clock = Clock { launch: 10, block: 20, interval: 30, warp: 35 };

    fn earlier(stamp: u32, thread: u32) -> Record {
        Clock { warp: stamp, ..NOW }.record(thread, 0xf)
    }

    #[test]
    fn barriers_order_and_blocks_do_not() {
        for (stamp, other, ordered) in [
            (5, 7, true),    // another launch
            (15, 3, false),  // another block, even by a thread of the same index
            (25, 40, true),  // before the barrier of the block
            (32, 3, true),   // the same thread
            (32, 7, true),   // before the barrier of the warp
            (35, 7, false),  // after it
            (32, 40, false), // another warp knows nothing of it
        ] {
            assert_eq!(NOW.ordered(earlier(stamp, other), 3), ordered, "stamp {stamp}, thread {other}");
        }
    }

    #[test]
    fn a_read_of_others_is_not_forgotten() {
        let both = NOW.after_read(earlier(35, 7), 3, 0xf);
        assert!(NOW.ordered(both, 3), "the record is of thread 3 itself");
        assert!(!NOW.ordered_readers(both, 3), "but lane 7 read as well");
        let after = Clock { warp: 36, ..NOW };
        assert!(after.ordered_readers(both, 3), "until a barrier of the warp");
        let warps = NOW.after_read(earlier(32, 40), 3, 0xf);
        assert!(!after.ordered_readers(warps, 3), "which says nothing of other warps");
        let blocks = NOW.after_read(earlier(15, 3), 3, 0xf);
        assert!(
            !Clock { interval: 50, warp: 50, ..NOW }.ordered_readers(blocks, 3),
            "nor a barrier of blocks"
        );
    }

    #[test]
    fn neighbouring_bytes_are_no_race() {
        let low = Clock { warp: 35, ..NOW }.record(7, 0b0011);
        assert_eq!(NOW.write_race(low, 0, 3, 0b1100, false), None);
        assert_eq!(NOW.write_race(low, 0, 3, 0b0010, false), Some(("write-after-write", low)));
        assert_eq!(NOW.read_race(low, 3, 0b1100), None);
    }

    #[test]
    fn atomics_race_only_with_other_accesses() {
        let atomic = earlier(35, 7) | ATOMIC;
        assert_eq!(NOW.write_race(atomic, 0, 3, 0xf, true), None);
        assert_eq!(NOW.write_race(atomic, 0, 3, 0xf, false), Some(("write-after-write", atomic)));
        assert_eq!(NOW.read_race(atomic, 3, 0xf), Some(("read-after-write", atomic)));
    }
}
