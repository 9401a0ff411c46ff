//! Loads and stores: which memory an address means, and the checks of an access.

use super::launch::{Launch, Options};
use super::registers::Registers;
use super::warp::Warp;
use super::{LaneFault, Outcome, fault};
use crate::fault::{FaultKind, Space};
use crate::memory::Heap;
use crate::memory::race::{Clock, describe};
use crate::memory::region::{Access, Lanes, Region, Rules, Violation, ViolationKind, lanes};
use crate::module::{
    DYNAMIC_SHARED_BASE, Kernel, LOCAL_BASE, LOCAL_WINDOW, SHARED_BASE, SHARED_WINDOW, WINDOW_BYTES,
};
use crate::operation::{Address, AddressSpace, Integer, Operation, Register, Scalar};

/// All memory that a block sees but its warps' local one.
pub(super) struct Memory<'a> {
    pub heap: &'a mut Heap,
    kernel: &'a Kernel,
    shared: Region,
    dynamic: Region,
    dynamic_bytes: u64,
    parameters: &'a [u8],
    options: &'a Options,
    block_size: [u32; 3],
    launch_stamp: u32,
    block_stamp: u32,
    /// The allocation that the last access was to.
    hint: usize,
}

/// Lanes whose addresses lie in one region.
pub(super) struct Group {
    pub mask: u32,
    pub space: Space,
    /// Index of the allocation, for the global space.
    allocation: usize,
    /// Offsets in the region.
    pub offsets: Lanes<u64>,
}

/// The addresses of an access, in its instruction's space.
pub(super) fn addresses(registers: &Registers, address: Address) -> Lanes<u64> {
    let offset = address.offset;
    match address.base {
        Register::Long(row) => registers.row::<u64>(row).map(|base| base.wrapping_add(offset)),
        // Addresses of 32 bits wrap around within them.
        Register::Word(row) => {
            registers.row::<u32>(row).map(|base| u64::from(base.wrapping_add(offset as u32)))
        }
        Register::Sink => [offset; 32],
    }
}

impl<'a> Memory<'a> {
    pub fn new(launch: Launch<'a>) -> Self {
        let launch_stamp = launch.heap.stamp;
        let shared = Region::new((launch.kernel.shared_end - SHARED_BASE) as usize);
        Self {
            heap: launch.heap,
            kernel: launch.kernel,
            shared,
            dynamic: Region::new(launch.dynamic_shared as usize),
            dynamic_bytes: u64::from(launch.dynamic_shared),
            parameters: launch.parameters,
            options: launch.options,
            block_size: launch.block,
            launch_stamp,
            block_stamp: 0,
            hint: 0,
        }
    }

    pub fn next_stamp(&mut self) -> u32 {
        // A launch of more barriers than stamps are left would take days.
        self.heap.stamp = self.heap.stamp.saturating_add(1);
        self.heap.stamp
    }

    /// Shared memory as a block finds it, and the time at which it begins.
    pub fn begin_block(&mut self) -> Clock {
        self.block_stamp = self.next_stamp();
        self.shared.reset();
        self.dynamic.reset();
        let mut end = SHARED_BASE;
        for variable in &self.kernel.shared {
            let red_zone = end.next_multiple_of(4)..variable.address;
            self.shared.mark_red_zone(
                (red_zone.start - SHARED_BASE) as usize,
                red_zone.end.saturating_sub(red_zone.start) as usize,
            );
            end = variable.address + variable.bytes;
        }
        let rest = end.next_multiple_of(4);
        self.shared.mark_red_zone(
            (rest - SHARED_BASE) as usize,
            self.kernel.shared_end.saturating_sub(rest) as usize,
        );
        let now = self.block_stamp;
        Clock { launch: self.launch_stamp, block: now, interval: now, warp: now }
    }

    pub fn rules(&self, warp: &Warp, strong: bool) -> Rules {
        Rules {
            initialised: self.options.initialisation,
            race: (self.options.races && !strong).then_some(warp.clock),
            first_thread: warp.index * 32,
        }
    }

    /// Loads, stores, atomics and copies.
    pub fn access(&mut self, warp: &mut Warp, operation: &Operation, mask: u32) -> Outcome {
        match operation {
            Operation::LoadParameter { offset, kind, to } => {
                let value = self.parameter(*offset as u64, kind.bytes(), mask)?;
                let value = extend(*kind, value);
                lanes(mask).for_each(|lane| warp.registers.set(*to, lane, value));
                Ok(())
            }
            Operation::Load { space: AddressSpace::Parameter, kind, to, address, .. } => {
                let at = addresses(&warp.registers, *address);
                for (index, to) in to.iter().enumerate() {
                    for lane in lanes(mask) {
                        let skip = (index * kind.bytes()) as u64;
                        let value = self.parameter(at[lane].wrapping_add(skip), kind.bytes(), 1 << lane)?;
                        warp.registers.set(*to, lane, extend(*kind, value));
                    }
                }
                Ok(())
            }
            Operation::Load { space, kind, to, address, strong } => {
                self.load(warp, (*space, *strong), *kind, to, *address, mask)
            }
            Operation::Store { space, bytes, from, address, strong } => {
                self.store(warp, (*space, *strong), *bytes, from, *address, mask)
            }
            Operation::Fence => Ok(()),
            Operation::Atomic { .. } => self.atomic(warp, operation, mask),
            _ => self.copy(warp, operation, mask),
        }
    }

    fn parameter(&self, offset: u64, bytes: usize, mask: u32) -> Outcome<u64> {
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| self.parameters.get(start..start.checked_add(bytes)?));
        let Some(found) = found else {
            let explanation = format!("the parameters take {} bytes", self.parameters.len());
            let (space, access) = (Space::Parameter, Access::Read.name());
            let kind = FaultKind::OutOfBounds { space, access, address: offset, bytes, explanation };
            return fault(mask.trailing_zeros() as usize, kind);
        };
        let mut value = [0; 8];
        value[..bytes].copy_from_slice(found);
        Ok(u64::from_le_bytes(value))
    }

    fn load(
        &mut self,
        warp: &mut Warp,
        (space, strong): (AddressSpace, bool),
        kind: Scalar,
        to: &[Register],
        address: Address,
        mask: u32,
    ) -> Outcome {
        let at = addresses(&warp.registers, address);
        let bytes = kind.bytes();
        let rules = self.rules(warp, strong);
        self.each_group(
            warp,
            space,
            &at,
            bytes * to.len(),
            Access::Read,
            rules,
            mask,
            |region, registers, group| {
                for (index, &to) in to.iter().enumerate() {
                    let (mask, skip) = (group.mask, index * bytes);
                    match (to, kind) {
                        (Register::Word(row), Scalar::F32 | Scalar::Integer(Integer::U32 | Integer::S32)) => {
                            let row = registers.row_mut::<u32>(row);
                            region.gather(mask, &group.offsets, skip, |lane, value| {
                                row[lane] = u32::from_le_bytes(value);
                            });
                        }
                        _ => load_any(region, registers, group, kind, to, skip),
                    }
                }
            },
        )
    }

    fn store(
        &mut self,
        warp: &mut Warp,
        (space, strong): (AddressSpace, bool),
        bytes: usize,
        from: &[Register],
        address: Address,
        mask: u32,
    ) -> Outcome {
        let at = addresses(&warp.registers, address);
        let rules = self.rules(warp, strong);
        self.each_group(
            warp,
            space,
            &at,
            bytes * from.len(),
            Access::Write,
            rules,
            mask,
            |region, registers, group| {
                for (index, &from) in from.iter().enumerate() {
                    let (mask, skip, offsets) = (group.mask, index * bytes, &group.offsets);
                    let value = |lane| registers.get(from, lane);
                    match bytes {
                        1 => region.scatter(mask, offsets, skip, |lane| (value(lane) as u8).to_le_bytes()),
                        2 => region.scatter(mask, offsets, skip, |lane| (value(lane) as u16).to_le_bytes()),
                        4 => region.scatter(mask, offsets, skip, |lane| (value(lane) as u32).to_le_bytes()),
                        _ => region.scatter(mask, offsets, skip, |lane| value(lane).to_le_bytes()),
                    }
                }
            },
        )
    }

    /// Checks an access and does it, for the lanes of one region after those of another.
    pub fn each_group(
        &mut self,
        warp: &mut Warp,
        space: AddressSpace,
        at: &Lanes<u64>,
        bytes: usize,
        access: Access,
        rules: Rules,
        mask: u32,
        mut act: impl FnMut(&mut Region, &mut Registers, &Group),
    ) -> Outcome {
        check_alignment(at, bytes, access, mask)?;
        let mut left = mask;
        while left != 0 {
            let group = self.group(space, at, bytes, access, left, warp.local.len() as u64 / 32)?;
            let rules = rules.in_space(group.space);
            let region = self.region(&group, &mut warp.local);
            if let Err(violation) = region.check(group.mask, &group.offsets, bytes, access, &rules) {
                return self.violation(violation, &group, at, bytes, access, &warp.clock);
            }
            act(region, &mut warp.registers, &group);
            left &= !group.mask;
        }
        Ok(())
    }

    pub fn region<'r>(&'r mut self, group: &Group, local: &'r mut Region) -> &'r mut Region {
        match group.space {
            Space::Shared => &mut self.shared,
            Space::DynamicShared => &mut self.dynamic,
            Space::Local => local,
            Space::Global | Space::Parameter => self.heap.region_mut(group.allocation),
        }
    }

    /// The first lane of `left`, and all others whose addresses lie in the same region.
    pub fn group(
        &mut self,
        space: AddressSpace,
        at: &Lanes<u64>,
        bytes: usize,
        access: Access,
        left: u32,
        local_bytes: u64,
    ) -> Outcome<Group> {
        let first = left.trailing_zeros() as usize;
        let address = at[first];
        let window = |start: u64| (start..start + WINDOW_BYTES).contains(&address);
        let (space, start) = match space {
            AddressSpace::Generic if window(SHARED_WINDOW) => (Space::Shared, SHARED_WINDOW),
            AddressSpace::Generic if window(LOCAL_WINDOW) => (Space::Local, LOCAL_WINDOW),
            AddressSpace::Shared => (Space::Shared, 0),
            AddressSpace::Local => (Space::Local, 0),
            _ => (Space::Global, 0),
        };
        let (space, base, length, allocation) = match space {
            Space::Shared if address - start >= DYNAMIC_SHARED_BASE => {
                (Space::DynamicShared, start + DYNAMIC_SHARED_BASE, self.dynamic_bytes, 0)
            }
            Space::Shared => (space, start + SHARED_BASE, self.shared.len() as u64, 0),
            Space::Local => (space, start, local_bytes, 0),
            _ => {
                let Some(index) = self.heap.find(address, bytes, self.hint) else {
                    return self.out_of_bounds(Space::Global, address, bytes, access, first);
                };
                self.hint = index;
                let (base, length, constant) = self.heap.bounds(index);
                if constant && access != Access::Read {
                    return fault(first, FaultKind::ReadOnly { address });
                }
                (space, base, length, index)
            }
        };
        let last = length.wrapping_sub(bytes as u64);
        let mut offsets = at.map(|address| address.wrapping_sub(base));
        let fits = if length < bytes as u64 {
            0
        } else {
            (0..32).fold(0, |mask, lane| mask | u32::from(offsets[lane] <= last) << lane)
        };
        let fits = if space == Space::Local { not_below(fits, &offsets, LOCAL_BASE) } else { fits };
        if fits >> first & 1 == 0 {
            return self.out_of_bounds(space, address, bytes, access, first);
        }
        if space == Space::Local {
            for (lane, offset) in offsets.iter_mut().enumerate() {
                *offset = offset.wrapping_add(lane as u64 * local_bytes);
            }
        }
        Ok(Group { mask: left & fits, space, allocation, offsets })
    }

    fn out_of_bounds<T>(
        &self,
        space: Space,
        address: u64,
        bytes: usize,
        access: Access,
        lane: usize,
    ) -> Outcome<T> {
        let explanation = match space {
            Space::Global => self.heap.explain(address, bytes),
            Space::DynamicShared => format!(
                "byte {:#x} of the {} that the launch gave it",
                address % SHARED_WINDOW - DYNAMIC_SHARED_BASE,
                self.dynamic_bytes
            ),
            Space::Shared => self.shared_variables(),
            _ => "no variable is there".to_owned(),
        };
        fault(lane, FaultKind::OutOfBounds { space, access: access.name(), address, bytes, explanation })
    }

    fn shared_variables(&self) -> String {
        let variables: Vec<String> = self
            .kernel
            .shared
            .iter()
            .map(|variable| {
                format!("{} has {} bytes at {:#x}", variable.name, variable.bytes, variable.address)
            })
            .collect();
        format!("no variable is there ({})", variables.join(", "))
    }

    fn variable(&self, space: Space, address: u64) -> Option<String> {
        match space {
            Space::Shared => {
                let address = address % SHARED_WINDOW;
                let holds = |variable: &&crate::module::SharedVariable| {
                    (variable.address..variable.address + variable.bytes).contains(&address)
                };
                self.kernel.shared.iter().find(holds).map(|variable| variable.name.clone())
            }
            Space::Global => self.heap.variable_at(address),
            _ => None,
        }
    }

    pub fn violation<T>(
        &self,
        violation: Violation,
        group: &Group,
        at: &Lanes<u64>,
        bytes: usize,
        access: Access,
        clock: &Clock,
    ) -> Outcome<T> {
        let (lane, space, address) = (violation.lane, group.space, at[violation.lane]);
        let variable = self.variable(space, address);
        let kind = match violation.kind {
            ViolationKind::RedZone => return self.out_of_bounds(space, address, bytes, access, lane),
            ViolationKind::Uninitialised => FaultKind::Uninitialised { space, address, variable },
            ViolationKind::Race(kind, record) => {
                let other = describe(record, clock, self.block_size);
                FaultKind::Race { kind, space, address, variable, other }
            }
        };
        Err(Box::new(LaneFault { lane, kind }))
    }
}

impl Rules {
    /// What is checked in a space: local memory knows no races, and shared memory is new to each block.
    pub fn in_space(self, space: Space) -> Self {
        let race = match space {
            Space::Local => None,
            Space::Shared | Space::DynamicShared => {
                self.race.map(|clock| Clock { launch: clock.block, ..clock })
            }
            Space::Global | Space::Parameter => self.race,
        };
        Self { race, ..self }
    }
}

fn not_below(mask: u32, offsets: &Lanes<u64>, least: u64) -> u32 {
    (0..32).fold(mask, |mask, lane| mask & !(u32::from(offsets[lane] < least) << lane))
}

pub(super) fn check_alignment(at: &Lanes<u64>, bytes: usize, access: Access, mask: u32) -> Outcome {
    let misaligned = |lane: usize| at[lane] & (bytes as u64 - 1) != 0;
    match lanes(mask).find(|&lane| misaligned(lane)) {
        None => Ok(()),
        Some(lane) => fault(lane, FaultKind::Misaligned { access: access.name(), address: at[lane], bytes }),
    }
}

fn load_any(
    region: &Region,
    registers: &mut Registers,
    group: &Group,
    kind: Scalar,
    to: Register,
    skip: usize,
) {
    let (mask, offsets) = (group.mask, &group.offsets);
    let mut put = |lane, value| registers.set(to, lane, extend(kind, value));
    match kind.bytes() {
        1 => region.gather(mask, offsets, skip, |lane, [value]: [u8; 1]| put(lane, u64::from(value))),
        2 => {
            region.gather(mask, offsets, skip, |lane, value| put(lane, u64::from(u16::from_le_bytes(value))))
        }
        4 => {
            region.gather(mask, offsets, skip, |lane, value| put(lane, u64::from(u32::from_le_bytes(value))))
        }
        _ => region.gather(mask, offsets, skip, |lane, value| put(lane, u64::from_le_bytes(value))),
    }
}

/// A loaded value with its sign continued to the top, as wider registers take it.
fn extend(kind: Scalar, value: u64) -> u64 {
    match kind {
        Scalar::S8 => value as i8 as u64,
        Scalar::Integer(Integer::S16) => value as i16 as u64,
        Scalar::Integer(Integer::S32) => value as i32 as u64,
        _ => value,
    }
}
