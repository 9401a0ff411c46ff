//! Modules, kernels and their attributes.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use super::{Needs, call, give};
use crate::state::Handle;
use crate::status::Status;

/// `CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES`
const MOST_DYNAMIC_SHARED: c_uint = 8;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleLoadData(module: *mut Handle, image: *const c_char) -> u32 {
    call("cuModuleLoadData", Needs::Context, |state| {
        state.forbid_capture(None, "cuModuleLoadData")?;
        // SAFETY: an image begins with four bytes at least: those of an ELF file, or of a text.
        if unsafe { std::slice::from_raw_parts(image.cast::<u8>(), 4) } == b"\x7fELF" {
            let report = "a CUBIN: the emulator runs PTX, of the same compilation";
            return state.refuse(Status::NO_BINARY_FOR_GPU, report);
        }
        // SAFETY: what is no ELF file is a text that ends with NUL, as documented.
        let text = unsafe { CStr::from_ptr(image) }.to_str().map_err(|_| Status::INVALID_IMAGE)?;
        let handle = state.load_module(text)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(module, handle) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleLoadDataEx(
    module: *mut Handle,
    image: *const c_char,
    _options: c_uint,
    _keys: *mut c_uint,
    _values: *mut *mut c_void,
) -> u32 {
    // SAFETY: the caller's pointers, as documented.
    unsafe { cuModuleLoadData(module, image) }
}

#[unsafe(no_mangle)]
extern "C" fn cuModuleUnload(module: Handle) -> u32 {
    call("cuModuleUnload", Needs::Release, |state| {
        // Kernels that were launched run before their module goes.
        let done = state.run_all();
        state.unload_module(module)?;
        done
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) -> u32 {
    call("cuModuleGetFunction", Needs::Context, |state| {
        // SAFETY: a text that ends with NUL, as documented.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        let handle = state.function(module, &name)?;
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(function, handle) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleGetGlobal_v2(
    address: *mut u64,
    bytes: *mut usize,
    module: Handle,
    name: *const c_char,
) -> u32 {
    call("cuModuleGetGlobal_v2", Needs::Context, |state| {
        // SAFETY: a text that ends with NUL, as documented.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        let module = &state.modules.get(&module).ok_or(Status::INVALID_HANDLE)?.module;
        let found = module.variables.iter().find(|variable| variable.name == name);
        let variable = found.ok_or(Status::NOT_FOUND)?;
        // SAFETY: the caller's pointers, as documented; either may be null.
        unsafe {
            if !address.is_null() {
                give(address, variable.address)?;
            }
            if !bytes.is_null() {
                give(bytes, variable.bytes as usize)?;
            }
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuFuncGetAttribute(value: *mut c_int, attribute: c_uint, function: Handle) -> u32 {
    call("cuFuncGetAttribute", Needs::Context, |state| {
        let function = state.functions.get(&function).ok_or(Status::INVALID_HANDLE)?;
        let kernel = function.module.kernels.get(&function.name).ok_or(Status::INVALID_HANDLE)?;
        let found = match attribute {
            0 => kernel.max_threads.unwrap_or(1024) as c_int,
            1 => kernel.shared_bytes() as c_int,
            MOST_DYNAMIC_SHARED => function.most_shared as c_int,
            _ => 0,
        };
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(value, found) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuFuncSetAttribute(function: Handle, attribute: c_uint, value: c_int) -> u32 {
    call("cuFuncSetAttribute", Needs::Context, |state| {
        let limit = state.shared_limit();
        let function = state.functions.get_mut(&function).ok_or(Status::INVALID_HANDLE)?;
        if attribute == MOST_DYNAMIC_SHARED {
            let value = u32::try_from(value).ok().filter(|&value| value <= limit);
            function.most_shared = value.ok_or(Status::INVALID_VALUE)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuFuncSetCacheConfig(function: Handle, _config: c_uint) -> u32 {
    call("cuFuncSetCacheConfig", Needs::Context, |state| {
        state.functions.get(&function).map(|_| ()).ok_or(Status::INVALID_HANDLE)
    })
}
