//! Capture of streams, and graphs.

use std::ffi::{c_uint, c_ulonglong};

use super::{Needs, call, give};
use crate::state::{Driver, Handle};
use crate::status::Status;
use crate::stream::CaptureMode;

#[unsafe(no_mangle)]
extern "C" fn cuStreamBeginCapture_v2(stream: Handle, mode: c_uint) -> u32 {
    call("cuStreamBeginCapture_v2", Needs::Context, |state| {
        let mode = match mode {
            0 => CaptureMode::Global,
            1 => CaptureMode::ThreadLocal,
            2 => CaptureMode::Relaxed,
            _ => return Err(Status::INVALID_VALUE),
        };
        state.begin_capture(stream, mode)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamEndCapture(stream: Handle, graph: *mut Handle) -> u32 {
    // Whatever it says, the stream captures no more.
    let mut captured = Ok(0);
    let status = call("cuStreamEndCapture", Needs::Release, |state| {
        captured = state.end_capture(stream);
        captured.map(|_| ())
    });
    if status != 0 {
        // A failure that was injected: the caller gets no graph, so there is none.
        Driver::get().with(|state| captured.map(|graph| state.graphs.remove(&graph))).ok();
        captured = Ok(0);
    }
    // SAFETY: the caller's pointer, as documented; null stands for no graph.
    match unsafe { give(graph, captured.unwrap_or(0)) } {
        Ok(()) => status,
        Err(refused) => refused.code(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamIsCapturing(stream: Handle, status: *mut c_uint) -> u32 {
    call("cuStreamIsCapturing", Needs::Context, |state| {
        let capturing = state.stream(stream)?.capture.is_some();
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(status, c_uint::from(capturing)) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuGraphInstantiateWithFlags(
    executable: *mut Handle,
    graph: Handle,
    _flags: c_ulonglong,
) -> u32 {
    call("cuGraphInstantiateWithFlags", Needs::Context, |state| {
        let work = state.graphs.get(&graph).ok_or(Status::INVALID_HANDLE)?.clone();
        let handle = state.handle();
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(executable, handle) }?;
        state.executables.insert(handle, work);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGraphUpload(executable: Handle, stream: Handle) -> u32 {
    call("cuGraphUpload", Needs::Context, |state| {
        state.stream(stream)?;
        state.executables.get(&executable).map(|_| ()).ok_or(Status::INVALID_HANDLE)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGraphLaunch(executable: Handle, stream: Handle) -> u32 {
    call("cuGraphLaunch", Needs::Context, |state| {
        let work = state.executables.get(&executable).ok_or(Status::INVALID_HANDLE)?.clone();
        state.graph_launches += 1;
        work.iter().try_for_each(|work| state.submit(stream, work.clone()))
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGraphExecDestroy(executable: Handle) -> u32 {
    call("cuGraphExecDestroy", Needs::Release, |state| {
        state.executables.remove(&executable).map(|_| ()).ok_or(Status::INVALID_HANDLE)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGraphDestroy(graph: Handle) -> u32 {
    call("cuGraphDestroy", Needs::Release, |state| {
        state.graphs.remove(&graph).map(|_| ()).ok_or(Status::INVALID_HANDLE)
    })
}
