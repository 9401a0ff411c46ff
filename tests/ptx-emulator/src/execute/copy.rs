//! `cp.async`: copies from global to shared memory that land when they are waited for.
//!
//! On a GPU they land at any time before. Here they land as late as they may, so that a missing wait shows: as a read
//! of what was never written, or of what was there before.

use super::Outcome;
use super::memory::{Memory, addresses, check_alignment};
use super::warp::Warp;
use crate::memory::region::{Access, Lanes, lanes};
use crate::operation::{AddressSpace, Operation};

#[derive(Debug)]
struct Copy {
    lane: usize,
    /// The lane's group it belongs to; groups below the count of committed ones are committed.
    group: u32,
    to: u64,
    data: [u8; 16],
    bytes: usize,
}

/// A warp's copies under way.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pending: Vec<Copy>,
    committed: Lanes<u32>,
}

impl Memory<'_> {
    pub(super) fn copy(&mut self, warp: &mut Warp, operation: &Operation, mask: u32) -> Outcome {
        match operation {
            Operation::CopyCommit => {
                lanes(mask).for_each(|lane| warp.copies.committed[lane] += 1);
                Ok(())
            }
            Operation::CopyWait { pending } => {
                let committed = warp.copies.committed;
                self.land(warp, |copy| {
                    mask >> copy.lane & 1 == 1 && copy.group + pending < committed[copy.lane]
                })
            }
            Operation::CopyWaitAll => self.land(warp, |copy| mask >> copy.lane & 1 == 1),
            _ => self.begin_copy(warp, operation, mask),
        }
    }

    fn begin_copy(&mut self, warp: &mut Warp, operation: &Operation, mask: u32) -> Outcome {
        let Operation::CopyAsync { to, from, bytes, source_bytes } = *operation else {
            unreachable!("{operation:?} is no copy")
        };
        let (to, from) = (addresses(&warp.registers, to), addresses(&warp.registers, from));
        check_alignment(&to, bytes, Access::Write, mask)?;
        check_alignment(&from, bytes, Access::Read, mask)?;
        let rules = self.rules(warp, false);
        for lane in lanes(mask) {
            let wanted = source_bytes.map_or(bytes, |row| warp.registers.row::<u32>(row)[lane] as usize);
            let mut data = [0; 16];
            // Byte by byte: how many there are need be no power of two.
            for index in 0..wanted.min(bytes) {
                let byte = from.map(|start| start.wrapping_add(index as u64));
                let group = 1 << lane;
                self.each_group(
                    warp,
                    AddressSpace::Global,
                    &byte,
                    1,
                    Access::Read,
                    rules,
                    group,
                    |region, _, group| {
                        region
                            .gather(group.mask, &group.offsets, 0, |_, [value]: [u8; 1]| data[index] = value);
                    },
                )?;
            }
            let group = warp.copies.committed[lane];
            warp.copies.pending.push(Copy { lane, group, to: to[lane], data, bytes });
        }
        Ok(())
    }

    /// Writes the copies that are due, as their lanes' writes at this time.
    fn land(&mut self, warp: &mut Warp, due: impl Fn(&Copy) -> bool) -> Outcome {
        let (landing, pending) =
            std::mem::take(&mut warp.copies.pending).into_iter().partition(|copy| due(copy));
        warp.copies.pending = pending;
        let landing: Vec<Copy> = landing;
        let rules = self.rules(warp, false);
        for copy in landing {
            let to = [copy.to; 32];
            let mask = 1 << copy.lane;
            let (bytes, data) = (copy.bytes, copy.data);
            self.each_group(
                warp,
                AddressSpace::Shared,
                &to,
                bytes,
                Access::Write,
                rules,
                mask,
                |region, _, group| {
                    region.write(group.offsets[copy.lane] as usize, &data[..bytes]);
                },
            )?;
        }
        Ok(())
    }
}
