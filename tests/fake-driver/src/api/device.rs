//! `cuInit` and what a device says of itself.

use std::ffi::{c_char, c_int, c_uint};

use super::{Needs, call, give};
use crate::state::State;
use crate::status::{Outcome, Status};

const NAME: &[u8] = b"Emulated GPU (PTX emulator)";

/// Attributes that are the same for all devices emulated (`CUdevice_attribute`).
const ATTRIBUTES: &[(c_uint, c_int)] = &[
    (1, 1024),     // threads of a block
    (2, 1024),     // along x
    (3, 1024),     // along y
    (4, 64),       // along z
    (5, i32::MAX), // blocks along x
    (6, 65535),    // along y
    (7, 65535),    // along z
    (8, 48 << 10), // shared memory of a block
    (9, 64 << 10), // constant memory
    (10, 32),      // lanes of a warp
    (12, 65536),   // registers of a block
    (13, 1_410_000),
    (16, 108),       // multiprocessors
    (19, 1),         // maps memory of the host
    (31, 1),         // runs kernels at once
    (36, 1_215_000), // clock of the memory, kHz
    (37, 5120),      // bits of its bus
    (38, 40 << 20),  // bytes of the second-level cache
    (39, 2048),      // threads of a multiprocessor
    (40, 3),         // engines for copies
    (41, 1),         // one address space
    (82, 65536),     // registers of a multiprocessor
    (83, 1),         // managed memory
    (95, 1),         // cooperative launches
    (106, 32),       // blocks of a multiprocessor
];

fn attribute(state: &State, number: c_uint) -> c_int {
    let (major, minor) = state.settings.capability;
    let shared = state.shared_limit() as c_int;
    match number {
        75 => major as c_int,
        76 => minor as c_int,
        81 => shared + 1024,
        97 => shared,
        115 => c_int::from(state.settings.memory_pools),
        _ => ATTRIBUTES.iter().find(|(known, _)| *known == number).map_or(0, |(_, value)| *value),
    }
}

fn check(state: &State, device: c_int) -> Outcome {
    let known = u32::try_from(device).is_ok_and(|device| device < state.settings.devices);
    if known { Ok(()) } else { Err(Status::INVALID_DEVICE) }
}

#[unsafe(no_mangle)]
extern "C" fn cuInit(_flags: c_uint) -> u32 {
    call("cuInit", Needs::Nothing, |state| {
        if state.settings.devices == 0 {
            return Err(Status::NO_DEVICE);
        }
        state.initialised = true;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    call("cuDriverGetVersion", Needs::Nothing, |_| unsafe { give(version, 13000) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> u32 {
    call("cuDeviceGetCount", Needs::Driver, |state| {
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(count, state.settings.devices as c_int) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> u32 {
    call("cuDeviceGet", Needs::Driver, |state| {
        check(state, ordinal)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(device, ordinal) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, length: c_int, device: c_int) -> u32 {
    call("cuDeviceGetName", Needs::Driver, |state| {
        check(state, device)?;
        let space = usize::try_from(length).unwrap_or(0);
        if name.is_null() || space == 0 {
            return Err(Status::INVALID_VALUE);
        }
        let bytes = NAME.len().min(space - 1);
        // SAFETY: the caller gives `length` bytes, of which the last used one becomes the NUL.
        unsafe {
            std::ptr::copy_nonoverlapping(NAME.as_ptr(), name.cast(), bytes);
            name.add(bytes).write(0);
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetUuid_v2(uuid: *mut [u8; 16], device: c_int) -> u32 {
    call("cuDeviceGetUuid_v2", Needs::Driver, |state| {
        check(state, device)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(uuid, [0xfa; 16]) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) -> u32 {
    call("cuDeviceTotalMem_v2", Needs::Driver, |state| {
        check(state, device)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(bytes, state.heap.capacity() as usize) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetAttribute(value: *mut c_int, number: c_uint, device: c_int) -> u32 {
    call("cuDeviceGetAttribute", Needs::Driver, |state| {
        check(state, device)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(value, attribute(state, number)) }
    })
}
