//! Work on a stream, and what it does when it runs.

use std::ffi::c_void;
use std::sync::Arc;

use equilayer_ptx_emulator::{FaultKind, HeapError, Launch, Module};

use crate::blas::Gemm;
use crate::state::{Handle, State};
use crate::status::{Outcome, Status};

/// Where a copy to the device reads.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Pageable memory, read when the copy was submitted.
    Bytes(Arc<[u8]>),
    /// Pinned memory, read when the copy runs.
    Pinned(usize),
}

/// A kernel with all it is launched on.
#[derive(Clone, Debug)]
pub(crate) struct KernelLaunch {
    pub module: Arc<Module>,
    pub name: String,
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub dynamic_shared: u32,
    pub parameters: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) enum Work {
    Kernel(KernelLaunch),
    Gemm(Gemm),
    ToDevice {
        to: u64,
        from: Source,
        bytes: usize,
    },
    /// To host memory at an address that stays valid until the copy ran: the caller's promise to CUDA.
    ToHost {
        to: usize,
        from: u64,
        bytes: usize,
    },
    OnDevice {
        to: u64,
        from: u64,
        bytes: usize,
    },
    Fill {
        to: u64,
        pattern: Vec<u8>,
        times: usize,
    },
    Free {
        address: u64,
    },
    Record {
        event: Handle,
        record: u64,
    },
    Wait {
        event: Handle,
        record: u64,
    },
    /// A function of the host with its argument.
    Call {
        function: unsafe extern "C" fn(*mut c_void),
        argument: usize,
    },
}

impl State {
    pub fn run(&mut self, work: Work) -> Outcome {
        match work {
            Work::Kernel(launch) => self.run_kernel(&launch),
            Work::Gemm(gemm) => {
                self.products += 1;
                let checked = self.settings.initialisation;
                gemm.run(&mut self.heap, checked).or_else(|error| self.refuse(Status::ILLEGAL_ADDRESS, error))
            }
            Work::ToDevice { to, from: Source::Bytes(bytes), .. } => {
                let done = self.heap.write(to, &bytes);
                self.heap_result(done, "copy to the device")
            }
            Work::ToDevice { to, from: Source::Pinned(from), bytes } => {
                // SAFETY: the memory is pinned memory of this driver, which frees none before its streams ran.
                let source = unsafe { std::slice::from_raw_parts(from as *const u8, bytes) };
                let done = self.heap.write(to, source);
                self.heap_result(done, "copy to the device")
            }
            Work::ToHost { to, from, bytes } => {
                let read = if self.settings.initialisation {
                    self.heap.read_initialised(from, bytes)
                } else {
                    self.heap.read(from, bytes)
                };
                let done = read.map(|source| {
                    // SAFETY: the caller of the copy promised so many bytes at `to` until it has run.
                    unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), to as *mut u8, bytes) }
                });
                self.heap_result(done, "copy to the host")
            }
            Work::OnDevice { to, from, bytes } => {
                let done = self.heap.copy(to, from, bytes);
                self.heap_result(done, "copy on the device")
            }
            Work::Fill { to, pattern, times } => {
                let done = self.heap.fill(to, &pattern, times);
                self.heap_result(done, "memset")
            }
            Work::Free { address } => {
                let done = self.heap.free(address);
                self.heap_result(done, "free")
            }
            Work::Record { event, record } => {
                if let Some(event) = self.events.get_mut(&event) {
                    event.done = event.done.max(record);
                }
                Ok(())
            }
            Work::Wait { event, record } => self.run_to_event(event, record),
            Work::Call { function, argument } => {
                // SAFETY: who submitted the function promised that it may be called with its argument.
                unsafe { function(argument as *mut c_void) };
                Ok(())
            }
        }
    }

    fn heap_result(&mut self, done: Result<(), HeapError>, what: &str) -> Outcome {
        done.or_else(|error| self.refuse(Status::ILLEGAL_ADDRESS, format!("{what}: {error}")))
    }

    fn run_kernel(&mut self, launch: &KernelLaunch) -> Outcome {
        self.launches += 1;
        let options = self.options();
        let Some(kernel) = launch.module.kernels.get(&launch.name) else {
            return Err(Status::INVALID_HANDLE);
        };
        let run = Launch {
            kernel,
            grid: launch.grid,
            block: launch.block,
            dynamic_shared: launch.dynamic_shared,
            parameters: &launch.parameters,
            heap: &mut self.heap,
            options: &options,
        };
        match run.run() {
            Ok(statistics) => {
                let (runs, total) = self.kernels.entry(launch.name.clone()).or_default();
                *runs += 1;
                total.blocks += statistics.blocks;
                total.warp_instructions += statistics.warp_instructions;
                total.lane_instructions += statistics.lane_instructions;
                total.divergent_branches += statistics.divergent_branches;
                Ok(())
            }
            Err(fault) => {
                let status = match fault.kind {
                    FaultKind::OutOfBounds { .. } | FaultKind::ReadOnly { .. } => Status::ILLEGAL_ADDRESS,
                    FaultKind::Misaligned { .. } => Status::MISALIGNED_ADDRESS,
                    FaultKind::StepLimit { .. } => Status::LAUNCH_TIMEOUT,
                    _ => Status::LAUNCH_FAILED,
                };
                self.refuse(status, fault.to_string())
            }
        }
    }
}
