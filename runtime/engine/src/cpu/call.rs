//! What a kernel sees of a step: its operands as memory.

use std::marker::PhantomData;

use crate::layout::Layout;
use crate::shape::Shape;

/// The operands of one kernel call.
///
/// The planner guarantees that operands lie inside their buffers and that no output overlaps an input, but for
/// elementwise kernels, whose coinciding elements may share memory; those read and write through pointers.
pub struct Call<'a> {
    inputs: Vec<Source<'a>>,
    outputs: Vec<Target<'a>>,
}

/// An input.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    buffer: *const f32,
    layout: Layout,
    memory: PhantomData<&'a [f32]>,
}

/// An output: row-major.
pub struct Target<'a> {
    pointer: *mut f32,
    shape: Shape,
    memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: a source is a shared slice; kernels only read it.
unsafe impl Send for Source<'_> {}
// SAFETY: as above.
unsafe impl Sync for Source<'_> {}

// SAFETY: a target is an exclusive slice.
unsafe impl Send for Target<'_> {}

impl<'a> Call<'a> {
    /// # Safety
    /// The operands hold what [`Call`] says, for as long as the call lives.
    pub unsafe fn new(inputs: Vec<Source<'a>>, outputs: Vec<Target<'a>>) -> Call<'a> {
        Call { inputs, outputs }
    }

    /// All inputs.
    pub fn sources(&self) -> &[Source<'a>] {
        &self.inputs
    }

    /// All outputs, as addresses: for kernels whose outputs may coincide with inputs.
    pub fn targets(&self) -> Vec<*mut f32> {
        self.outputs.iter().map(|target| target.pointer).collect()
    }

    /// Shape of an input.
    pub fn shape(&self, input: usize) -> Shape {
        *self.inputs[input].layout.shape()
    }

    /// Shape of an output.
    pub fn output_shape(&self, output: usize) -> Shape {
        self.outputs[output].shape
    }

    /// An input that the operator asked for row-major.
    pub fn input(&self, input: usize) -> &'a [f32] {
        self.inputs[input].dense()
    }

    /// The outputs, each once.
    pub fn outputs<const N: usize>(&mut self) -> [&'a mut [f32]; N] {
        let mut targets = std::mem::take(&mut self.outputs).into_iter();
        std::array::from_fn(|_| match targets.next() {
            // SAFETY: an output owns its elements for the call, overlaps nothing else, and is handed out once.
            Some(target) => unsafe {
                std::slice::from_raw_parts_mut(target.pointer, target.shape.elements())
            },
            None => &mut [],
        })
    }
}

impl<'a> Source<'a> {
    /// # Safety
    /// Every position of the layout lies in the buffer, which lives for `'a`.
    pub unsafe fn new(buffer: *const f32, layout: Layout) -> Source<'a> {
        Source { buffer, layout, memory: PhantomData }
    }

    /// Its layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Address of the buffer's first element.
    pub fn buffer(&self) -> *const f32 {
        self.buffer
    }

    /// All elements, where they lie row-major.
    pub fn dense(&self) -> &'a [f32] {
        debug_assert!(self.layout.is_row_major());
        self.run(self.layout.offset() as usize, self.layout.shape().elements())
    }

    /// `length` neighbouring elements from a position of the layout on.
    pub fn run(&self, position: usize, length: usize) -> &'a [f32] {
        debug_assert!(
            length == 0 || self.layout.span().is_some_and(|(_, last)| position + length <= last as usize + 1)
        );
        // SAFETY: positions of the layout lie in the buffer, and kernels that share memory do not use slices.
        unsafe { std::slice::from_raw_parts(self.buffer.add(position), length) }
    }
}

impl<'a> Target<'a> {
    /// # Safety
    /// The address is the start of `shape.elements()` elements that live for `'a`.
    pub unsafe fn new(pointer: *mut f32, shape: Shape) -> Target<'a> {
        Target { pointer, shape, memory: PhantomData }
    }
}

/// An address that tasks on several threads write disjoint parts of.
#[derive(Clone, Copy)]
pub struct Shared(*mut f32);

// SAFETY: whoever writes through it keeps to parts that no other task touches; each use says why.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Shares an address.
    pub fn new(pointer: *mut f32) -> Shared {
        Shared(pointer)
    }

    /// The address.
    pub fn pointer(&self) -> *mut f32 {
        self.0
    }
}
