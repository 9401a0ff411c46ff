//! Streams and events.

use std::ffi::{c_int, c_uint, c_void};

use super::{Needs, call, give};
use crate::state::Handle;
use crate::status::Status;
use crate::stream::{Event, Stream};
use crate::work::Work;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamCreate(stream: *mut Handle, _flags: c_uint) -> u32 {
    call("cuStreamCreate", Needs::Context, |state| {
        let handle = state.handle();
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(stream, handle) }?;
        state.streams.insert(handle, Stream::default());
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamCreateWithPriority(stream: *mut Handle, flags: c_uint, _priority: c_int) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    unsafe { cuStreamCreate(stream, flags) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxGetStreamPriorityRange(least: *mut c_int, greatest: *mut c_int) -> u32 {
    // SAFETY: the caller's pointers, as documented.
    call("cuCtxGetStreamPriorityRange", Needs::Context, |_| unsafe {
        give(least, 0)?;
        give(greatest, -5)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamDestroy_v2(stream: Handle) -> u32 {
    call("cuStreamDestroy_v2", Needs::Release, |state| {
        if stream == 0 {
            return Err(Status::INVALID_HANDLE);
        }
        // Work that is left is done, as the real driver does it before it frees the stream.
        let done = state.run_stream(stream);
        let removed = state.streams.remove(&stream).ok_or(Status::INVALID_HANDLE)?;
        // What a lost device does not run any more is given back all the same.
        for work in removed.queue {
            if let Work::Free { address } = work {
                let _ = state.heap.free(address);
            }
        }
        done
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamSynchronize(stream: Handle) -> u32 {
    call("cuStreamSynchronize", Needs::Context, |state| {
        state.stream(stream)?;
        state.forbid_capture(Some(stream), "cuStreamSynchronize")?;
        state.run_stream(stream)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamQuery(stream: Handle) -> u32 {
    call("cuStreamQuery", Needs::Context, |state| {
        state.forbid_capture(Some(stream), "cuStreamQuery")?;
        if state.stream(stream)?.queue.is_empty() { Ok(()) } else { Err(Status::NOT_READY) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamWaitEvent(stream: Handle, event: Handle, _flags: c_uint) -> u32 {
    call("cuStreamWaitEvent", Needs::Context, |state| state.wait(stream, event))
}

#[unsafe(no_mangle)]
extern "C" fn cuLaunchHostFunc(
    stream: Handle,
    function: Option<unsafe extern "C" fn(*mut c_void)>,
    argument: *mut c_void,
) -> u32 {
    call("cuLaunchHostFunc", Needs::Context, |state| {
        let function = function.ok_or(Status::INVALID_VALUE)?;
        state.submit(stream, Work::Call { function, argument: argument as usize })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuEventCreate(event: *mut Handle, _flags: c_uint) -> u32 {
    call("cuEventCreate", Needs::Context, |state| {
        let handle = state.handle();
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(event, handle) }?;
        state.events.insert(handle, Event::default());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuEventRecord(event: Handle, stream: Handle) -> u32 {
    call("cuEventRecord", Needs::Context, |state| state.record(event, stream))
}

#[unsafe(no_mangle)]
extern "C" fn cuEventSynchronize(event: Handle) -> u32 {
    call("cuEventSynchronize", Needs::Context, |state| {
        state.forbid_capture(None, "cuEventSynchronize")?;
        let record = state.events.get(&event).ok_or(Status::INVALID_HANDLE)?.recorded;
        state.run_to_event(event, record)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuEventQuery(event: Handle) -> u32 {
    call("cuEventQuery", Needs::Context, |state| {
        state.forbid_capture(None, "cuEventQuery")?;
        let event = state.events.get(&event).ok_or(Status::INVALID_HANDLE)?;
        if event.done >= event.recorded { Ok(()) } else { Err(Status::NOT_READY) }
    })
}

/// Emulated work takes no time that says anything: always a microsecond.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuEventElapsedTime_v2(milliseconds: *mut f32, start: Handle, end: Handle) -> u32 {
    call("cuEventElapsedTime_v2", Needs::Context, |state| {
        for event in [start, end] {
            let event = state.events.get(&event).ok_or(Status::INVALID_HANDLE)?;
            if event.recorded == 0 {
                return Err(Status::INVALID_HANDLE);
            }
            if event.done < event.recorded {
                return Err(Status::NOT_READY);
            }
        }
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(milliseconds, 1e-3) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuEventElapsedTime(milliseconds: *mut f32, start: Handle, end: Handle) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    unsafe { cuEventElapsedTime_v2(milliseconds, start, end) }
}

#[unsafe(no_mangle)]
extern "C" fn cuEventDestroy_v2(event: Handle) -> u32 {
    call("cuEventDestroy_v2", Needs::Release, |state| {
        let record = state.events.get(&event).ok_or(Status::INVALID_HANDLE)?.recorded;
        // An event is freed when it has happened; what waits for it has to know.
        let done = state.run_to_event(event, record);
        state.events.remove(&event);
        done
    })
}
