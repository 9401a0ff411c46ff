//! The primary context.

use std::ffi::c_int;

use super::{CONTEXT, Needs, PRIMARY, call, current_context, give};
use crate::status::Status;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut usize, _device: c_int) -> u32 {
    call("cuDevicePrimaryCtxRetain", Needs::Driver, |state| {
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(context, PRIMARY) }?;
        state.retained += 1;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDevicePrimaryCtxRelease_v2(_device: c_int) -> u32 {
    call("cuDevicePrimaryCtxRelease_v2", Needs::Release, |state| {
        state.retained = state.retained.checked_sub(1).ok_or(Status::INVALID_CONTEXT)?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuCtxSetCurrent(context: usize) -> u32 {
    call("cuCtxSetCurrent", Needs::Driver, |state| {
        if context != 0 && context != PRIMARY {
            return Err(Status::INVALID_CONTEXT);
        }
        CONTEXT.set((state.session, context));
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxGetCurrent(context: *mut usize) -> u32 {
    call("cuCtxGetCurrent", Needs::Driver, |state| {
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(context, current_context(state)) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxGetDevice(device: *mut c_int) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    call("cuCtxGetDevice", Needs::Context, |_| unsafe { give(device, 0) })
}

#[unsafe(no_mangle)]
extern "C" fn cuCtxSynchronize() -> u32 {
    call("cuCtxSynchronize", Needs::Context, |state| {
        state.forbid_capture(None, "cuCtxSynchronize")?;
        state.run_all()
    })
}
