//! How long a run took on the GPU, while the host did something else.

use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::{CudaEvent, sys};

use super::device::Device;
use super::error::{DeviceError, failed};

/// Two events around the last run.
pub struct Clock {
    begun: CudaEvent,
    ended: CudaEvent,
}

impl Clock {
    /// That has measured nothing yet.
    pub fn new(device: &Arc<Device>) -> Result<Clock, DeviceError> {
        let timed = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
        let event = || device.context().new_event(timed).map_err(failed("cuEventCreate"));
        Ok(Clock { begun: event()?, ended: event()? })
    }

    /// Before a run's tasks.
    pub fn begin(&self, device: &Device) -> Result<(), DeviceError> {
        self.begun.record(device.stream()?).map_err(failed("cuEventRecord"))
    }

    /// Behind them.
    pub fn end(&self, device: &Device) -> Result<(), DeviceError> {
        self.ended.record(device.stream()?).map_err(failed("cuEventRecord"))
    }

    /// Waits for the run, and says how long it took.
    pub fn took(&self) -> Result<Duration, DeviceError> {
        let milliseconds = self.begun.elapsed_ms(&self.ended).map_err(failed("cuEventElapsedTime"))?;
        Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1e3))
    }
}
