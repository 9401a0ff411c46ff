//! Arithmetic of any type, functions and classes of floats.

use super::{Decoder, Operand, Operation, ParseError};
use crate::operation::{FloatBinary, FloatClass, FloatMode, FloatUnary, Rounding, Scalar};
use crate::ptx::modifiers::Type;

impl<'a> Decoder<'_, 'a> {
    /// `add` to `neg`: integers, floats and halves share these opcodes.
    pub(super) fn arithmetic(&mut self) -> Result<Operation, ParseError> {
        match self.modifiers.last_type()? {
            Type::Scalar(Scalar::Integer(kind)) => self.integer_arithmetic(kind),
            Type::Scalar(Scalar::F32) => self.f32_arithmetic(),
            Type::Scalar(Scalar::F64) => self.f64_arithmetic(),
            Type::Scalar(Scalar::Half(kind)) => self.half_arithmetic(kind, false),
            Type::HalfPair(kind) => self.half_arithmetic(kind, true),
            _ => Err(self.modifiers.unsupported("not for this type")),
        }
    }

    pub(super) fn multiply_add(&mut self) -> Result<Operation, ParseError> {
        match self.modifiers.last_type()? {
            Type::Scalar(Scalar::F32) => self.f32_multiply_add(),
            Type::Scalar(Scalar::F64) => self.f64_multiply_add(),
            Type::Scalar(Scalar::Half(kind)) => self.half_multiply_add(kind, false),
            Type::HalfPair(kind) => self.half_multiply_add(kind, true),
            _ => Err(self.modifiers.unsupported("not for this type")),
        }
    }

    /// The operation of an opcode with two float operands.
    pub(super) fn float_binary(&self) -> Option<FloatBinary> {
        Some(match self.modifiers.opcode {
            "add" => FloatBinary::Add,
            "sub" => FloatBinary::Subtract,
            "mul" => FloatBinary::Multiply,
            "div" => FloatBinary::Divide,
            "min" => FloatBinary::Minimum,
            "max" => FloatBinary::Maximum,
            _ => return None,
        })
    }

    /// The operation of `abs` or `neg`.
    pub(super) fn sign_operation(&self) -> Result<FloatUnary, ParseError> {
        match self.modifiers.opcode {
            "abs" => Ok(FloatUnary::Abs),
            "neg" => Ok(FloatUnary::Negate),
            _ => Err(self.modifiers.unsupported("not for floats")),
        }
    }

    fn f32_arithmetic(&mut self) -> Result<Operation, ParseError> {
        if self.modifiers.opcode == "mad" {
            return self.f32_multiply_add();
        }
        let approximate =
            self.modifiers.opcode == "div" && (self.modifiers.take("approx") || self.modifiers.take("full"));
        let mode = self.f32_mode();
        let Some(operation) = self.float_binary() else {
            let operation = self.sign_operation()?;
            self.expect_operands(2)?;
            let a = self.scope.word(&self.operands[1])?;
            let to = self.scope.word_target(&self.operands[0])?;
            return Ok(Operation::F32Unary { operation, mode, approximate: false, to, a });
        };
        self.f32_binary(operation, mode, approximate)
    }

    fn f32_binary(
        &mut self,
        operation: FloatBinary,
        mode: FloatMode,
        approximate: bool,
    ) -> Result<Operation, ParseError> {
        self.expect_operands(3)?;
        let (a, b) = (self.scope.word(&self.operands[1])?, self.scope.word(&self.operands[2])?);
        let to = self.scope.word_target(&self.operands[0])?;
        Ok(Operation::F32Binary { operation, mode, approximate, to, a, b })
    }

    /// Modes of f32; `.relu` is left over, and so refused.
    fn f32_mode(&mut self) -> FloatMode {
        FloatMode {
            rounding: self.modifiers.rounding().unwrap_or(Rounding::Nearest),
            flush: self.modifiers.take("ftz"),
            saturate: self.modifiers.take("sat"),
            nan: self.modifiers.take("NaN"),
            relu: false,
        }
    }

    fn f32_multiply_add(&mut self) -> Result<Operation, ParseError> {
        let mode = self.f32_mode();
        self.expect_operands(4)?;
        let a = self.scope.word(&self.operands[1])?;
        let b = self.scope.word(&self.operands[2])?;
        let c = self.scope.word(&self.operands[3])?;
        Ok(Operation::F32MultiplyAdd { mode, to: self.scope.word_target(&self.operands[0])?, a, b, c })
    }

    fn f64_arithmetic(&mut self) -> Result<Operation, ParseError> {
        if self.modifiers.opcode == "mad" {
            return self.f64_multiply_add();
        }
        self.modifiers.ignore(&["rn"]);
        if let Some(operation) = self.float_binary() {
            return self.f64_binary(operation);
        }
        let operation = self.sign_operation()?;
        self.f64_unary(operation)
    }

    fn f64_unary(&mut self, operation: FloatUnary) -> Result<Operation, ParseError> {
        self.expect_operands(2)?;
        let a = self.scope.long(&self.operands[1])?;
        Ok(Operation::F64Unary { operation, to: self.scope.long_target(&self.operands[0])?, a })
    }

    fn f64_binary(&mut self, operation: FloatBinary) -> Result<Operation, ParseError> {
        self.expect_operands(3)?;
        let (a, b) = (self.scope.long(&self.operands[1])?, self.scope.long(&self.operands[2])?);
        Ok(Operation::F64Binary { operation, to: self.scope.long_target(&self.operands[0])?, a, b })
    }

    fn f64_multiply_add(&mut self) -> Result<Operation, ParseError> {
        self.modifiers.ignore(&["rn"]);
        self.expect_operands(4)?;
        let a = self.scope.long(&self.operands[1])?;
        let b = self.scope.long(&self.operands[2])?;
        let c = self.scope.long(&self.operands[3])?;
        Ok(Operation::F64MultiplyAdd { to: self.scope.long_target(&self.operands[0])?, a, b, c })
    }

    /// `ex2` to `tanh`.
    pub(super) fn float_function(&mut self) -> Result<Operation, ParseError> {
        let operation = match self.modifiers.opcode {
            "ex2" => FloatUnary::Exp2,
            "lg2" => FloatUnary::Log2,
            "sin" => FloatUnary::Sine,
            "cos" => FloatUnary::Cosine,
            "rcp" => FloatUnary::Reciprocal,
            "rsqrt" => FloatUnary::ReciprocalSquareRoot,
            "sqrt" => FloatUnary::SquareRoot,
            _ => FloatUnary::Tanh,
        };
        let kind = self.modifiers.last_type()?;
        let approximate = self.modifiers.take("approx");
        match kind {
            Type::Scalar(Scalar::F32) => {
                let mode = self.f32_mode();
                self.expect_operands(2)?;
                let a = self.scope.word(&self.operands[1])?;
                let to = self.scope.word_target(&self.operands[0])?;
                Ok(Operation::F32Unary { operation, mode, approximate, to, a })
            }
            Type::Scalar(Scalar::F64) => {
                self.modifiers.ignore(&["rn", "ftz"]);
                self.f64_unary(operation)
            }
            Type::Scalar(Scalar::Half(kind)) => self.half_function(operation, kind, false),
            Type::HalfPair(kind) => self.half_function(operation, kind, true),
            _ => Err(self.modifiers.unsupported("not for this type")),
        }
    }

    pub(super) fn copy_sign(&mut self) -> Result<Operation, ParseError> {
        match self.modifiers.last_type()? {
            Type::Scalar(Scalar::F32) => {
                let mode = self.f32_mode();
                self.f32_binary(FloatBinary::CopySign, mode, false)
            }
            Type::Scalar(Scalar::F64) => self.f64_binary(FloatBinary::CopySign),
            _ => Err(self.modifiers.unsupported("not for this type")),
        }
    }

    pub(super) fn float_class(&mut self) -> Result<Operation, ParseError> {
        use FloatClass::{Finite, Infinite, Normal, NotANumber, Number, Subnormal};
        let class = self.modifiers.require(&[
            ("finite", Finite),
            ("infinite", Infinite),
            ("number", Number),
            ("notanumber", NotANumber),
            ("normal", Normal),
            ("subnormal", Subnormal),
        ])?;
        let kind = self.modifiers.last_type()?;
        self.expect_operands(2)?;
        match (kind, &self.operands[0]) {
            (Type::Scalar(Scalar::F32), Operand::Name(to)) => {
                let a = self.scope.word(&self.operands[1])?;
                Ok(Operation::F32Class { class, to: self.scope.predicate_target(to)?, a })
            }
            _ => Err(self.modifiers.unsupported("not for this type")),
        }
    }
}
