//! What fusion makes: elementwise chains as one program, alone or behind a contraction.

use super::{Access, BinaryKind, Contract, Cost, Differentiable, Op, Operator, UnaryKind};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// One step of a [`Program`]. Operands are indices of earlier instructions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instruction {
    /// The element of an input.
    Load(u16),
    /// A fixed value.
    Constant(f32),
    /// A function of one value.
    Unary(UnaryKind, u16),
    /// A function of two values.
    Binary(BinaryKind, u16, u16),
    /// The second where the first is not 0, else the third.
    Select(u16, u16, u16),
}

/// Straight-line code that runs for every element.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Program {
    /// Instructions; each value is used only after it is made.
    pub instructions: Vec<Instruction>,
    /// The values written out, as instruction indices.
    pub outputs: Vec<u16>,
}

/// An elementwise program over inputs of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Fused {
    /// What runs for every element.
    pub program: Program,
}

/// A contraction whose result goes straight into an elementwise program: input 0 of the program is the
/// contraction's element, the rest are the node's inputs from the third on.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedContract {
    /// The contraction.
    pub contract: Contract,
    /// What runs for every element of its result.
    pub epilogue: Program,
}

impl Program {
    /// An elementwise operator as a program; nothing for other operators.
    pub fn of(op: &Op) -> Option<Program> {
        let (inputs, instruction) = match op {
            Op::Fused(fused) => return Some(fused.program.clone()),
            Op::Unary(unary) => (1, Instruction::Unary(unary.0, 0)),
            Op::Binary(binary) => (2, Instruction::Binary(binary.0, 0, 1)),
            Op::Select(_) => (3, Instruction::Select(0, 1, 2)),
            _ => return None,
        };
        let loads = (0..inputs).map(Instruction::Load);
        Some(Program { instructions: loads.chain([instruction]).collect(), outputs: vec![inputs] })
    }

    /// The program that gives back its input.
    pub fn copy() -> Program {
        Program { instructions: vec![Instruction::Load(0)], outputs: vec![0] }
    }

    /// Runs the program for one element.
    fn evaluate(&self, inputs: &[f64]) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.instructions.len());
        for instruction in &self.instructions {
            let at = |value: u16| -> f64 { values[value as usize] };
            values.push(match *instruction {
                Instruction::Load(input) => inputs[input as usize],
                Instruction::Constant(value) => f64::from(value),
                Instruction::Unary(kind, a) => kind.evaluate(at(a)),
                Instruction::Binary(kind, a, b) => kind.evaluate(at(a), at(b)),
                Instruction::Select(mask, a, b) => at(if at(mask) != 0.0 { a } else { b }),
            });
        }
        self.outputs.iter().map(|&output| values[output as usize]).collect()
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut results: Vec<Array> = outputs.iter().map(|&shape| Array::zeros(shape)).collect();
        for element in 0..outputs[0].elements() {
            let loaded: Vec<f64> = inputs.iter().map(|input| input.data()[element]).collect();
            for (result, value) in results.iter_mut().zip(self.evaluate(&loaded)) {
                result.data_mut()[element] = value;
            }
        }
        results
    }

    /// The program as operators, one an instruction.
    fn write_out(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let first = inputs.first()?;
        let mut values: Vec<Tensor> = Vec::with_capacity(self.instructions.len());
        for instruction in &self.instructions {
            let at = |value: u16| &values[value as usize];
            values.push(match *instruction {
                Instruction::Load(input) => inputs[input as usize].clone(),
                Instruction::Constant(value) => first.graph().full(*first.shape(), value),
                Instruction::Unary(kind, a) => at(a).unary(kind),
                Instruction::Binary(kind, a, b) => at(a).binary(kind, at(b)),
                Instruction::Select(mask, a, b) => at(mask).choose(at(a), at(b)),
            });
        }
        Some(self.outputs.iter().map(|&output| values[output as usize].clone()).collect())
    }

    /// Operations for one element.
    pub fn operations(&self) -> usize {
        let counted = |instruction: &&Instruction| {
            !matches!(instruction, Instruction::Load(_) | Instruction::Constant(_))
        };
        self.instructions.iter().filter(counted).count()
    }
}

impl Operator for Fused {
    fn name(&self) -> &'static str {
        "fused"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let first = inputs.first().ok_or("a fused program needs an input")?;
        match inputs.iter().all(|shape| shape == first) {
            true => Ok(vec![*first; self.program.outputs.len()]),
            false => Err("all inputs of a fused program have one shape".into()),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        self.program.reference(inputs, outputs)
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        self.program.write_out(inputs)
    }

    /// Passes make it, after differentiation.
    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(self.program.operations() * outputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Operator for FusedContract {
    fn name(&self) -> &'static str {
        "contract+"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let result = self.contract.infer(&inputs[..2])?[0];
        match inputs[2..].iter().all(|shape| *shape == result) {
            true => Ok(vec![result; self.epilogue.outputs.len()]),
            false => Err(format!("inputs of the epilogue have the shape of the product, {result}")),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let product = self.contract.reference(&inputs[..2], &outputs[..1]);
        let inputs: Vec<&Array> = std::iter::once(&product[0]).chain(inputs[2..].iter().copied()).collect();
        self.epilogue.reference(&inputs, outputs)
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let product = inputs[0].contract_as(self.contract.clone(), &inputs[1]);
        let inputs: Vec<Tensor> = std::iter::once(product).chain(inputs[2..].iter().cloned()).collect();
        self.epilogue.write_out(&inputs)
    }

    /// Passes make it, after differentiation.
    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        let product = self.contract.cost(&inputs[..2], &outputs[..1]).flops;
        let epilogue = self.epilogue.operations() * outputs[0].elements();
        Cost::new(product as usize + epilogue, inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}
