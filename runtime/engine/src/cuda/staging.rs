//! Inputs on their way: the next run's are copied to the GPU while it works on this one's.
//!
//! Values go to pinned memory of the host, from where a stream of its own copies them to a place of their own on the GPU.
//! When their run starts, a copy on the GPU brings them to where the plan has them. Two events keep the streams apart: a
//! run waits until its inputs are there, and the next inputs until the run has taken its own.

use std::sync::Arc;

use cudarc::driver::{CudaEvent, CudaStream, result};

use super::device::Device;
use super::error::{DeviceError, failed};
use super::memory::{DeviceMemory, PinnedMemory};
use crate::error::Error;

/// Room for the inputs of one coming run, here and on the GPU.
pub struct Staging {
    device: Arc<Device>,
    stream: Arc<CudaStream>,
    /// Behind the copy to the GPU.
    there: CudaEvent,
    /// Behind the copies from `memory` to where a plan has its inputs.
    taken: CudaEvent,
    host: PinnedMemory,
    memory: DeviceMemory,
    /// The plan whose inputs are there or on the way.
    plan: Option<u64>,
}

impl Staging {
    /// With no room yet.
    pub fn new(device: &Arc<Device>) -> Result<Staging, Error> {
        device.stream()?;
        let event = || device.context().new_event(None).map_err(failed("cuEventCreate"));
        Ok(Staging {
            stream: device.context().new_stream().map_err(failed("cuStreamCreate"))?,
            there: event()?,
            taken: event()?,
            host: PinnedMemory::new(device, 0)?,
            memory: DeviceMemory::new(device, 0, "inputs of the next step")?,
            plan: None,
            device: device.clone(),
        })
    }

    /// Sends the inputs of a plan on their way, one behind another. Their memory may be reused at once.
    pub fn send(&mut self, plan: u64, inputs: &[&[f32]]) -> Result<(), Error> {
        self.plan = None;
        let elements = inputs.iter().map(|values| values.len()).sum();
        // What is under way still reads the host's memory.
        self.there.synchronize().map_err(failed("cuEventSynchronize"))?;
        if self.host.len().min(self.memory.len()) < elements {
            self.grow(elements)?;
        }
        let mut start = 0;
        for values in inputs {
            self.host.fill(start, values);
            start += values.len();
        }
        self.stream.wait(&self.taken).map_err(failed("cuStreamWaitEvent"))?;
        if elements > 0 {
            let stream = self.stream.cu_stream();
            let values = self.host.first(elements);
            // SAFETY: the memory on the GPU is as long, and the host's is not touched before the event below.
            unsafe { result::memcpy_htod_async(self.memory.at(0), values, stream) }
                .map_err(failed("cuMemcpyHtoDAsync"))?;
        }
        self.there.record(&self.stream).map_err(failed("cuEventRecord"))?;
        self.plan = Some(plan);
        Ok(())
    }

    /// Elements that it has on the GPU.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether the inputs of this plan were sent; from then on they are no longer.
    pub fn take(&mut self, plan: u64) -> bool {
        self.plan.take_if(|sent| *sent == plan).is_some()
    }

    /// Lets the device's stream wait for what was sent. Returns where it lies.
    pub fn arrived(&self) -> Result<&DeviceMemory, DeviceError> {
        self.device.stream()?.wait(&self.there).map_err(failed("cuStreamWaitEvent"))?;
        Ok(&self.memory)
    }

    /// Says that the device's stream has taken it: the next may be sent.
    pub fn leave(&self) -> Result<(), DeviceError> {
        self.taken.record(self.device.stream()?).map_err(failed("cuEventRecord"))
    }

    fn grow(&mut self, elements: usize) -> Result<(), Error> {
        self.device.synchronize()?;
        // The old memory is freed first: there may be no room for both.
        self.host = PinnedMemory::new(&self.device, 0)?;
        self.memory = DeviceMemory::new(&self.device, 0, "inputs of the next step")?;
        self.host = PinnedMemory::new(&self.device, elements)?;
        self.memory = DeviceMemory::new(&self.device, elements, "inputs of the next step")?;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let context = self.device.context();
        context.record_err(context.bind_to_thread());
        // A copy under way reads the memory that is given back next.
        context.record_err(self.stream.synchronize());
    }
}
