//! Arithmetic of f16, bf16 and pairs of them.

use super::{Decoder, Operation, ParseError};
use crate::operation::{FloatUnary, Half};

impl Decoder<'_, '_> {
    pub(super) fn half_arithmetic(&mut self, kind: Half, pair: bool) -> Result<Operation, ParseError> {
        if self.modifiers.opcode == "div" {
            return Err(self.modifiers.unsupported("not for halves"));
        }
        let Some(operation) = self.float_binary() else {
            let operation = self.sign_operation()?;
            return self.half_unary(operation, kind, pair);
        };
        let mode = self.modifiers.float_mode();
        self.expect_operands(3)?;
        let (a, b) = (self.scope.word(&self.operands[1])?, self.scope.word(&self.operands[2])?);
        let to = self.scope.word_target(&self.operands[0])?;
        Ok(Operation::HalfBinary { operation, mode, kind, pair, to, a, b })
    }

    pub(super) fn half_multiply_add(&mut self, kind: Half, pair: bool) -> Result<Operation, ParseError> {
        let mode = self.modifiers.float_mode();
        self.expect_operands(4)?;
        let a = self.scope.word(&self.operands[1])?;
        let b = self.scope.word(&self.operands[2])?;
        let c = self.scope.word(&self.operands[3])?;
        let to = self.scope.word_target(&self.operands[0])?;
        Ok(Operation::HalfMultiplyAdd { mode, kind, pair, to, a, b, c })
    }

    pub(super) fn half_function(
        &mut self,
        operation: FloatUnary,
        kind: Half,
        pair: bool,
    ) -> Result<Operation, ParseError> {
        if !matches!(operation, FloatUnary::Exp2 | FloatUnary::Tanh) {
            return Err(self.modifiers.unsupported("not for halves"));
        }
        // bf16's `ex2` always flushes subnormals, which says nothing here: no result of it is one that is not.
        self.modifiers.ignore(&["ftz"]);
        self.half_unary(operation, kind, pair)
    }

    fn half_unary(&mut self, operation: FloatUnary, kind: Half, pair: bool) -> Result<Operation, ParseError> {
        self.expect_operands(2)?;
        let a = self.scope.word(&self.operands[1])?;
        Ok(Operation::HalfUnary { operation, kind, pair, to: self.scope.word_target(&self.operands[0])?, a })
    }
}
