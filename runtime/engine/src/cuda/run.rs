//! A plan's run: inputs in, tasks on the stream or their recording repeated, outputs back.

use cudarc::driver::{CudaGraph, result, sys};

use super::blas::Places;
use super::error::{DeviceError, failed};
use super::executor::CudaExecutor;
use super::memory::DeviceMemory;
use super::task::{Address, Number, Region, Task};
use crate::error::Error;
use crate::executor::{Outputs, check_finite, match_inputs, place_of};
use crate::plan::{Plan, Port};

impl CudaExecutor {
    /// The values of a plan's inputs, in its order.
    pub(super) fn checked_inputs<'v>(
        &self,
        plan: &Plan,
        inputs: &[(&str, &'v [f32])],
    ) -> Result<Vec<&'v [f32]>, Error> {
        let values = match_inputs(plan, inputs)?;
        if self.options.check_finite {
            for (port, values) in plan.inputs.iter().zip(&values) {
                check_finite(values, || (format!("input `{}`", port.name), format!("shape {}", port.shape)))?;
            }
        }
        Ok(values)
    }

    /// Brings inputs to where the plan has them.
    pub(super) fn feed(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<(), Error> {
        for (port, values) in plan.inputs.iter().zip(self.checked_inputs(plan, inputs)?) {
            if let Some(start) = self.start_of(plan, port) {
                self.arena.write(start, values)?;
            }
        }
        Ok(())
    }

    /// Brings inputs that were sent to where the plan has them.
    pub(super) fn feed_sent(&mut self, plan: &Plan) -> Result<(), Error> {
        let Some(staging) = &self.staging else { return Ok(()) };
        let sent = staging.arrived()?;
        let stream = self.device.stream()?.cu_stream();
        let mut from = 0;
        for port in &plan.inputs {
            let elements = port.shape.elements();
            if let Some(to) = self.start_of(plan, port)
                && elements > 0
            {
                // SAFETY: both ranges lie in their memory, which is not the same.
                unsafe { result::memcpy_dtod_async(self.arena.at(to), sent.at(from), 4 * elements, stream) }
                    .map_err(failed("cuMemcpyDtoDAsync"))?;
            }
            from += elements;
        }
        Ok(staging.leave()?)
    }

    pub(super) fn execute(&mut self, plan: &Plan) -> Result<(), Error> {
        if self.options.check_finite {
            return self.execute_checked(plan);
        }
        let Some(prepared) = self.plans.get_mut(&plan.id) else { return Ok(()) };
        if let Some(graph) = &prepared.graph {
            return graph.launch().map_err(|error| failed("cuGraphLaunch")(error).into());
        }
        // Everything that may not happen while recording, such as the choice of algorithms, happens in a first run.
        if !prepared.has_run || !self.options.graphs || plan.steps.is_empty() {
            (0..plan.steps.len()).try_for_each(|step| self.run_step(plan, step))?;
            if let Some(prepared) = self.plans.get_mut(&plan.id) {
                prepared.has_run = true;
            }
            return Ok(());
        }
        let graph = self.record(plan)?;
        if let Some(graph) = &graph {
            graph.launch().map_err(failed("cuGraphLaunch"))?;
        }
        if let Some(prepared) = self.plans.get_mut(&plan.id) {
            prepared.graph = graph;
        }
        Ok(())
    }

    /// Records a plan's tasks, which do not run.
    fn record(&mut self, plan: &Plan) -> Result<Option<CudaGraph>, Error> {
        let stream = self.device.stream()?.clone();
        stream
            .begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
            .map_err(failed("cuStreamBeginCapture"))?;
        let recorded = (0..plan.steps.len()).try_for_each(|step| self.run_step(plan, step));
        // No flag of instantiation is wanted; zero is not among the named ones.
        let graph = stream
            .end_capture(sys::CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
        if graph.is_err() {
            // `cudarc` asks for the context first. If that failed the capture goes on, and no memory could be freed.
            // SAFETY: the stream is alive; if it captures no more, the driver says so, and that is all. Nobody else knows
            // the graph.
            unsafe {
                if let Ok(left) = result::stream::end_capture(stream.cu_stream())
                    && !left.is_null()
                {
                    let _ = result::graph::destroy(left);
                }
            }
        }
        recorded?;
        Ok(graph.map_err(failed("cuStreamEndCapture"))?)
    }

    fn execute_checked(&mut self, plan: &Plan) -> Result<(), Error> {
        for (index, step) in plan.steps.iter().enumerate() {
            self.run_step(plan, index)?;
            for output in &step.outputs {
                let address = self.plans[&plan.id].lowered.buffers[output.buffer];
                let values = self.read(plan, address, output.layout.shape().elements())?;
                check_finite(&values, || {
                    (step.op.as_operator().name().into(), place_of(step, index, output))
                })?;
            }
        }
        Ok(())
    }

    /// Puts the tasks of a step on the stream.
    pub(super) fn run_step(&mut self, plan: &Plan, step: usize) -> Result<(), Error> {
        let tasks = self.plans.get(&plan.id).map_or(0, |prepared| prepared.lowered.steps[step].len());
        for number in 0..tasks {
            let task = &self.plans[&plan.id].lowered.steps[step][number];
            let at = |address: Address| {
                let (memory, start) = self.region(plan, address.region);
                memory.at(start) + address.bytes() as sys::CUdeviceptr
            };
            match task {
                Task::Launch(launch) => {
                    let arguments: Vec<sys::CUdeviceptr> =
                        launch.arguments.iter().map(|&address| at(address)).collect();
                    self.kernels.launch(&launch.kernel, launch.blocks, &arguments)?;
                }
                Task::Product(product) => {
                    let places = Places {
                        a: at(product.a),
                        b: at(product.b),
                        c: at(product.c),
                        bias: product.bias.map(at),
                        addend: at(product.addend.unwrap_or(product.c)),
                    };
                    let product = **product;
                    self.blas.multiply(&product, places)?;
                }
                Task::Copy { from, to, elements } => {
                    let (from, to, bytes) = (at(*from), at(*to), from.number.bytes() * elements);
                    let stream = self.device.stream()?.cu_stream();
                    // SAFETY: both ranges lie in their memory and do not overlap.
                    unsafe { result::memcpy_dtod_async(to, from, bytes, stream) }
                        .map_err(failed("cuMemcpyDtoDAsync"))?;
                }
            }
        }
        Ok(())
    }

    /// The memory that a region of a plan lies in, and its first element there.
    fn region(&self, plan: &Plan, region: Region) -> (&DeviceMemory, usize) {
        match region {
            Region::Arena => (&self.arena, 0),
            Region::Scratch => (&self.scratch, 0),
            Region::State(state) => (&self.states[&plan.states[state].name].memory, 0),
            Region::Constant(constant) => {
                let prepared = &self.plans[&plan.id];
                (&prepared.constants, prepared.starts[constant])
            }
        }
    }

    /// Where an input or output lies in the arena; their elements are `f32`.
    fn start_of(&self, plan: &Plan, port: &Port) -> Option<usize> {
        Some(self.plans.get(&plan.id)?.lowered.buffers[port.buffer].offset)
    }

    /// Waits for all work, then copies the elements of a buffer out.
    fn read(&self, plan: &Plan, address: Address, elements: usize) -> Result<Vec<f32>, DeviceError> {
        let (memory, start) = self.region(plan, address.region);
        match address.number {
            Number::F32 => memory.read(start + address.offset, elements),
            // Buffers start at whole elements of `f32`.
            Number::Bf16 => {
                let words = memory.read(start + address.offset / 2, elements.div_ceil(2))?;
                let halves =
                    words.iter().flat_map(|word| [word.to_bits() << 16, word.to_bits() & 0xffff_0000]);
                Ok(halves.map(f32::from_bits).take(elements).collect())
            }
        }
    }

    pub(super) fn collect(&self, plan: &Plan) -> Result<Outputs, DeviceError> {
        let mut outputs = Outputs::default();
        for port in &plan.outputs {
            if let Some(start) = self.start_of(plan, port) {
                outputs.insert(&port.name, self.arena.read(start, port.shape.elements())?);
            }
        }
        self.device.synchronize()?;
        Ok(outputs)
    }
}
