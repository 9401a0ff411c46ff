//! Launches of kernels.

use std::ffi::{c_uint, c_void};

use super::{Needs, call};
use crate::module::Function;
use crate::state::{Handle, State};
use crate::status::{Outcome, Status};
use crate::work::{KernelLaunch, Work};

/// What every device since compute capability 3.0 takes.
const MOST_THREADS: u64 = 1024;

impl State {
    /// Checks what a launch asks for, as the driver does before it takes it.
    fn check_launch(
        &mut self,
        function: &Function,
        grid: [u32; 3],
        block: [u32; 3],
        dynamic_shared: u32,
    ) -> Outcome {
        let name = &function.name;
        let kernel = function.module.kernels.get(name).ok_or(Status::INVALID_HANDLE)?;
        let threads: u64 = block.iter().map(|&length| u64::from(length)).product();
        let most = kernel.max_threads.map_or(MOST_THREADS, u64::from).min(MOST_THREADS);
        let [x, y, z] = grid;
        if grid.contains(&0) || x > i32::MAX as u32 || y > 65535 || z > 65535 {
            return self
                .refuse(Status::INVALID_VALUE, format!("launch of {name}: a grid of {grid:?} blocks"));
        }
        if threads == 0 || threads > most || block[2] > 64 {
            let report = format!("launch of {name}: blocks of {block:?} threads, at most {most} are allowed");
            return self.refuse(Status::INVALID_VALUE, report);
        }
        let fixed = kernel.shared_bytes();
        if fixed + u64::from(dynamic_shared) > u64::from(function.most_shared) {
            let report = format!(
                "launch of {name}: {fixed} + {dynamic_shared} bytes of shared memory, {} allowed (opt in with \
                 cuFuncSetAttribute)",
                function.most_shared
            );
            return self.refuse(Status::INVALID_VALUE, report);
        }
        Ok(())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuLaunchKernel(
    function: Handle,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    dynamic_shared: c_uint,
    stream: Handle,
    arguments: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> u32 {
    call("cuLaunchKernel", Needs::Context, |state| {
        let function = state.functions.get(&function).ok_or(Status::INVALID_HANDLE)?.clone();
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        state.check_launch(&function, grid, block, dynamic_shared)?;
        let kernel = function.module.kernels.get(&function.name).ok_or(Status::INVALID_HANDLE)?;
        if !extra.is_null() || (arguments.is_null() && !kernel.parameters.is_empty()) {
            return state.refuse(Status::INVALID_VALUE, "arguments other than by kernelParams");
        }
        let mut parameters = vec![0; kernel.parameter_bytes];
        for (index, parameter) in kernel.parameters.iter().enumerate() {
            // SAFETY: the caller gives a pointer for each parameter, each to as many bytes as the parameter has.
            unsafe {
                let argument = arguments.add(index).read().cast::<u8>();
                let to = parameters[parameter.offset..][..parameter.bytes].as_mut_ptr();
                std::ptr::copy_nonoverlapping(argument, to, parameter.bytes);
            }
        }
        let launch = KernelLaunch {
            module: function.module,
            name: function.name,
            grid,
            block,
            dynamic_shared,
            parameters,
        };
        state.submit(stream, Work::Kernel(launch))
    })
}
