//! Device memory. Addresses are never used twice, keep a distance from each other, and mean nothing to the host: a use
//! after a free is always found, an access out of bounds hits no neighbour, and a host that follows a device pointer
//! faults at once.

use super::region::Region;

/// The first address: above what any process maps.
const BASE: u64 = 0x7e_0000_0000_0000;
/// Bytes between two allocations, at least.
const GAP: u64 = 512;
/// Addresses of allocations are multiples of this, as the driver's are.
const ALIGNMENT: u64 = 256;

/// Why an operation on device memory is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeapError {
    /// More than there is.
    #[error("out of device memory: {requested} bytes asked for, {free} of {total} free")]
    OutOfMemory {
        /// Bytes asked for.
        requested: u64,
        /// Bytes free.
        free: u64,
        /// Bytes of the device.
        total: u64,
    },
    /// An address outside any allocation.
    #[error("{0}")]
    Invalid(String),
    /// A read of bytes that nothing wrote.
    #[error("byte {offset} of {bytes} at {address:#x} was never written")]
    Uninitialised {
        /// Start of the read.
        address: u64,
        /// Length of the read.
        bytes: usize,
        /// The first byte at fault, from the start.
        offset: usize,
    },
}

/// How much memory is and was in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes allocated now.
    pub live_bytes: u64,
    /// Allocations now.
    pub live_allocations: u64,
    /// The most bytes at once.
    pub peak_bytes: u64,
    /// Allocations ever.
    pub allocations: u64,
}

#[derive(Debug)]
struct Allocation {
    base: u64,
    bytes: u64,
    region: Region,
    constant: bool,
    /// A module's variable, which is no leak.
    variable: Option<String>,
}

/// Device memory.
#[derive(Debug)]
pub struct Heap {
    /// In order of address.
    allocations: Vec<Allocation>,
    freed: Vec<(u64, u64)>,
    next: u64,
    capacity: u64,
    usage: Usage,
    /// Stamps of the check for races given out so far.
    pub(crate) stamp: u32,
}

impl Heap {
    /// A device with so many bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            allocations: Vec::new(),
            freed: Vec::new(),
            next: BASE,
            capacity,
            usage: Usage::default(),
            stamp: 0,
        }
    }

    /// Bytes of the device.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How much is in use.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// New memory, with nothing in it.
    ///
    /// # Errors
    /// If there is not so much left.
    pub fn allocate(&mut self, bytes: u64) -> Result<u64, HeapError> {
        let free = self.capacity.saturating_sub(self.usage.live_bytes);
        if bytes > free {
            return Err(HeapError::OutOfMemory { requested: bytes, free, total: self.capacity });
        }
        let base = self.next;
        self.next += bytes.next_multiple_of(ALIGNMENT) + GAP;
        let region = Region::new(bytes as usize);
        self.allocations.push(Allocation { base, bytes, region, constant: false, variable: None });
        self.usage.live_bytes += bytes;
        self.usage.live_allocations += 1;
        self.usage.allocations += 1;
        self.usage.peak_bytes = self.usage.peak_bytes.max(self.usage.live_bytes);
        Ok(base)
    }

    /// Maps a module's variable and gives its address; `initial` is followed by zeros.
    pub fn map(&mut self, name: &str, address: u64, initial: &[u8], bytes: u64, constant: bool) {
        let mut region = Region::new(bytes as usize);
        region.fill(0, &[0], bytes as usize);
        region.write(0, initial);
        let at = self.allocations.partition_point(|allocation| allocation.base < address);
        let variable = Some(name.to_owned());
        self.allocations.insert(at, Allocation { base: address, bytes, region, constant, variable });
    }

    /// Takes a module's variables away.
    pub fn unmap(&mut self, addresses: std::ops::Range<u64>) {
        self.allocations
            .retain(|allocation| allocation.variable.is_none() || !addresses.contains(&allocation.base));
    }

    /// Gives memory back.
    ///
    /// # Errors
    /// If no allocation begins there.
    pub fn free(&mut self, base: u64) -> Result<(), HeapError> {
        let found = self.allocations.binary_search_by_key(&base, |allocation| allocation.base);
        let Some(index) = found.ok().filter(|&index| self.allocations[index].variable.is_none()) else {
            return Err(HeapError::Invalid(self.explain(base, 0)));
        };
        let allocation = self.allocations.remove(index);
        self.usage.live_bytes -= allocation.bytes;
        self.usage.live_allocations -= 1;
        self.freed.push((base, allocation.bytes));
        Ok(())
    }

    /// Index of the allocation that holds all these bytes; `hint` is tried first.
    pub(crate) fn find(&self, address: u64, bytes: usize, hint: usize) -> Option<usize> {
        let holds = |allocation: &Allocation| {
            let offset = address.wrapping_sub(allocation.base);
            address >= allocation.base && offset.saturating_add(bytes as u64) <= allocation.bytes
        };
        if self.allocations.get(hint).is_some_and(holds) {
            return Some(hint);
        }
        let index =
            self.allocations.partition_point(|allocation| allocation.base <= address).checked_sub(1)?;
        holds(&self.allocations[index]).then_some(index)
    }

    /// First address, size and whether it is constant.
    pub(crate) fn bounds(&self, index: usize) -> (u64, u64, bool) {
        let allocation = &self.allocations[index];
        (allocation.base, allocation.bytes, allocation.constant)
    }

    pub(crate) fn region_mut(&mut self, index: usize) -> &mut Region {
        &mut self.allocations[index].region
    }

    pub(crate) fn variable_at(&self, address: u64) -> Option<String> {
        let index = self.find(address, 1, 0)?;
        self.allocations[index].variable.clone()
    }

    pub(crate) fn forget_races(&mut self) {
        for allocation in &mut self.allocations {
            allocation.region.forget_races();
        }
    }

    fn require(&self, address: u64, bytes: usize) -> Result<usize, HeapError> {
        self.find(address, bytes, 0).ok_or_else(|| HeapError::Invalid(self.explain(address, bytes)))
    }

    /// What lies at and near an address.
    pub fn explain(&self, address: u64, bytes: usize) -> String {
        let freed = self.freed.iter().find(|(base, size)| (*base..base + (*size).max(1)).contains(&address));
        if let Some((base, size)) = freed {
            return format!("{address:#x} lies in memory freed before ({size} bytes at {base:#x})");
        }
        let before = self.allocations.iter().rfind(|allocation| allocation.base <= address);
        if let Some(Allocation { base, bytes: size, .. }) = before
            && address < base + size + GAP
        {
            let past = (address + bytes as u64).saturating_sub(base + size);
            return format!("{past} bytes past the end of the {size} bytes at {base:#x}");
        }
        format!("no allocation is at {address:#x}")
    }

    /// The host, or a copy from it, writes.
    ///
    /// # Errors
    /// If the bytes are not all in one allocation.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), HeapError> {
        let allocation = self.require(address, bytes.len())?;
        let allocation = &mut self.allocations[allocation];
        allocation.region.write((address - allocation.base) as usize, bytes);
        Ok(())
    }

    /// Fills with `times` copies of a pattern.
    ///
    /// # Errors
    /// If the bytes are not all in one allocation.
    pub fn fill(&mut self, address: u64, pattern: &[u8], times: usize) -> Result<(), HeapError> {
        let allocation = self.require(address, pattern.len() * times)?;
        let allocation = &mut self.allocations[allocation];
        allocation.region.fill((address - allocation.base) as usize, pattern, times);
        Ok(())
    }

    /// The bytes at an address, written or not.
    ///
    /// # Errors
    /// If they are not all in one allocation.
    pub fn read(&self, address: u64, bytes: usize) -> Result<&[u8], HeapError> {
        let allocation = &self.allocations[self.require(address, bytes)?];
        Ok(allocation.region.read((address - allocation.base) as usize, bytes))
    }

    /// As [`read`](Self::read), of bytes that were written.
    ///
    /// # Errors
    /// If they are not all in one allocation, or one was never written.
    pub fn read_initialised(&self, address: u64, bytes: usize) -> Result<&[u8], HeapError> {
        let allocation = &self.allocations[self.require(address, bytes)?];
        let start = (address - allocation.base) as usize;
        match allocation.region.first_unwritten(start, bytes) {
            None => Ok(allocation.region.read(start, bytes)),
            Some(at) => Err(HeapError::Uninitialised { address, bytes, offset: at - start }),
        }
    }

    /// Copies between two places of the device; bytes that nothing wrote stay so.
    ///
    /// # Errors
    /// If either place is not in one allocation.
    pub fn copy(&mut self, to: u64, from: u64, bytes: usize) -> Result<(), HeapError> {
        let (target, source) = (self.require(to, bytes)?, &self.allocations[self.require(from, bytes)?]);
        let start = (from - source.base) as usize;
        let data = source.region.read(start, bytes).to_vec();
        let unwritten: Vec<bool> = match source.region.first_unwritten(start, bytes) {
            None => Vec::new(),
            Some(_) => (0..bytes).map(|at| source.region.first_unwritten(start + at, 1).is_some()).collect(),
        };
        let target = &mut self.allocations[target];
        let offset = (to - target.base) as usize;
        if unwritten.is_empty() {
            target.region.write(offset, &data);
        } else {
            target.region.take_from(offset, &data, |index| unwritten[index]);
        }
        Ok(())
    }
}
