//! Names and texts of errors.

use std::ffi::{CStr, c_char};

use crate::state::Driver;
use crate::status::Status;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuGetErrorName(error: u32, name: *mut *const c_char) -> u32 {
    let found = Status(error).name();
    if name.is_null() || found.is_none() {
        return Status::INVALID_VALUE.code();
    }
    // SAFETY: not null, so the caller's pointer to a pointer; the text is static.
    unsafe { name.write(found.map_or(std::ptr::null(), CStr::as_ptr)) };
    0
}

/// As the real one; but where the last failure with this status was explained, with what was found wrong, so that a
/// failing test says it. The text stays valid until the next failure.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuGetErrorString(error: u32, text: *mut *const c_char) -> u32 {
    if text.is_null() {
        return Status::INVALID_VALUE.code();
    }
    let found = Driver::get().with(|state| match &state.last_report {
        Some((status, report)) if status.code() == error => report.as_ptr(),
        _ => Status(error).text().as_ptr(),
    });
    // SAFETY: not null, so the caller's pointer to a pointer.
    unsafe { text.write(found) };
    0
}
