//! Memory of the device and pinned memory of the host; copies and fills.

use std::ffi::{c_uint, c_void};
use std::sync::Arc;

use super::{Needs, call, give};
use crate::state::{Handle, State};
use crate::status::{Outcome, Status};
use crate::work::{Source, Work};

impl State {
    fn allocate(&mut self, bytes: usize) -> Outcome<u64> {
        if bytes == 0 {
            return Err(Status::INVALID_VALUE);
        }
        self.heap
            .allocate(bytes as u64)
            .or_else(|error| self.refuse(Status::OUT_OF_MEMORY, error.to_string()))
    }

    fn is_pinned(&self, address: usize, bytes: usize) -> bool {
        self.pinned.iter().any(|(&start, memory)| address >= start && address + bytes <= start + memory.len())
    }

    fn copy_to_host(&mut self, to: usize, from: u64, bytes: usize, stream: Handle) -> Outcome {
        let pinned = self.is_pinned(to, bytes);
        if !pinned {
            self.forbid_capture(Some(stream), "a copy to pageable memory")?;
        }
        self.submit(stream, Work::ToHost { to, from, bytes })?;
        if pinned { Ok(()) } else { self.run_stream(stream) }
    }

    /// # Safety
    /// `from` points to so many bytes, until the copy ran if it is pinned.
    unsafe fn copy_to_device(&mut self, to: u64, from: *const u8, bytes: usize, stream: Handle) -> Outcome {
        let from = if self.is_pinned(from as usize, bytes) {
            Source::Pinned(from as usize)
        } else {
            // SAFETY: so many bytes are there, says the caller.
            Source::Bytes(Arc::from(unsafe { std::slice::from_raw_parts(from, bytes) }))
        };
        self.submit(stream, Work::ToDevice { to, from, bytes })
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> u32 {
    call("cuMemGetInfo_v2", Needs::Context, |state| {
        let capacity = state.heap.capacity();
        let left = capacity - state.heap.usage().live_bytes;
        // SAFETY: the caller's pointers, as documented.
        unsafe {
            give(free, left as usize)?;
            give(total, capacity as usize)
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> u32 {
    call("cuMemAlloc_v2", Needs::Context, |state| {
        state.forbid_capture(None, "cuMemAlloc")?;
        let allocated = state.allocate(bytes)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(address, allocated) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAllocAsync(address: *mut u64, bytes: usize, stream: Handle) -> u32 {
    call("cuMemAllocAsync", Needs::Context, |state| {
        if state.stream(stream)?.capture.is_some() {
            let report = "cuMemAllocAsync in a capture: graphs that allocate are not emulated";
            return state.refuse(Status::NOT_SUPPORTED, report);
        }
        let allocated = state.allocate(bytes)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(address, allocated) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFree_v2(address: u64) -> u32 {
    call("cuMemFree_v2", Needs::Release, |state| {
        if address == 0 {
            return Ok(());
        }
        let waited = state.forbid_capture(None, "cuMemFree").and_then(|()| state.run_all());
        let freed = state.heap.free(address);
        freed.or_else(|error| state.refuse(Status::INVALID_VALUE, format!("cuMemFree: {error}")))?;
        waited
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFreeAsync(address: u64, stream: Handle) -> u32 {
    call("cuMemFreeAsync", Needs::Release, |state| {
        if state.lost.is_some() {
            let _ = state.heap.free(address);
            return Ok(());
        }
        if state.stream(stream)?.capture.is_some() {
            let report = "cuMemFreeAsync in a capture, of memory that is not the graph's";
            return state.refuse(Status::INVALID_VALUE, report);
        }
        state.submit(stream, Work::Free { address })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemHostAlloc(address: *mut usize, bytes: usize, _flags: c_uint) -> u32 {
    call("cuMemHostAlloc", Needs::Context, |state| {
        let memory = vec![0xaa_u8; bytes].into_boxed_slice();
        let start = memory.as_ptr() as usize;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(address, start) }?;
        state.pinned.insert(start, memory);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFreeHost(address: usize) -> u32 {
    call("cuMemFreeHost", Needs::Release, |state| {
        let waited = state.run_all();
        state.pinned.remove(&address).ok_or(Status::INVALID_VALUE)?;
        waited
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpyHtoDAsync_v2(to: u64, from: *const u8, bytes: usize, stream: Handle) -> u32 {
    call("cuMemcpyHtoDAsync_v2", Needs::Context, |state| {
        // SAFETY: the caller's memory, as documented.
        unsafe { state.copy_to_device(to, from, bytes, stream) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpyHtoD_v2(to: u64, from: *const u8, bytes: usize) -> u32 {
    call("cuMemcpyHtoD_v2", Needs::Context, |state| {
        state.forbid_capture(None, "cuMemcpyHtoD")?;
        // SAFETY: the caller's memory, as documented.
        unsafe { state.copy_to_device(to, from, bytes, 0) }?;
        state.run_stream(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, bytes: usize, stream: Handle) -> u32 {
    call("cuMemcpyDtoHAsync_v2", Needs::Context, |state| state.copy_to_host(to as usize, from, bytes, stream))
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoH_v2(to: *mut c_void, from: u64, bytes: usize) -> u32 {
    call("cuMemcpyDtoH_v2", Needs::Context, |state| {
        state.forbid_capture(None, "cuMemcpyDtoH")?;
        state.copy_to_host(to as usize, from, bytes, 0)?;
        state.run_stream(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: Handle) -> u32 {
    call("cuMemcpyDtoDAsync_v2", Needs::Context, |state| {
        state.submit(stream, Work::OnDevice { to, from, bytes })
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoD_v2(to: u64, from: u64, bytes: usize) -> u32 {
    call("cuMemcpyDtoD_v2", Needs::Context, |state| {
        state.forbid_capture(None, "cuMemcpyDtoD")?;
        state.submit(0, Work::OnDevice { to, from, bytes })
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD8Async(to: u64, value: u8, times: usize, stream: Handle) -> u32 {
    call("cuMemsetD8Async", Needs::Context, |state| {
        state.submit(stream, Work::Fill { to, pattern: vec![value], times })
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD8_v2(to: u64, value: u8, times: usize) -> u32 {
    call("cuMemsetD8_v2", Needs::Context, |state| {
        state.forbid_capture(None, "cuMemsetD8")?;
        state.submit(0, Work::Fill { to, pattern: vec![value], times })
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD32Async(to: u64, value: u32, times: usize, stream: Handle) -> u32 {
    call("cuMemsetD32Async", Needs::Context, |state| {
        state.submit(stream, Work::Fill { to, pattern: value.to_le_bytes().to_vec(), times })
    })
}
