//! `cvt`.

use super::{Decoder, Operation, ParseError};
use crate::operation::{Conversion, Rounding, Scalar};
use crate::ptx::modifiers::Type;

impl Decoder<'_, '_> {
    pub(super) fn convert(&mut self) -> Result<Operation, ParseError> {
        let from = self.modifiers.last_type()?;
        let to = self.modifiers.last_type()?;
        let whole = self.modifiers.whole_rounding();
        let rounding = whole.or_else(|| self.modifiers.rounding()).unwrap_or(Rounding::Nearest);
        let (flush, saturate) = (self.modifiers.take("ftz"), self.modifiers.take("sat"));
        let relu = self.modifiers.take("relu");
        if let Type::HalfPair(kind) = to {
            return self.convert_pair(kind, rounding, relu, from);
        }
        let (Some(to), Some(from)) = (to.scalar(), from.scalar()) else {
            return Err(self.modifiers.unsupported("not between these types"));
        };
        if to == Scalar::Tf32 && from != Scalar::F32 {
            return Err(self.modifiers.unsupported("only from f32"));
        }
        self.expect_operands(2)?;
        let source = self.scope.source(&self.operands[1], from.bytes())?;
        let target = self.scope.target(&self.operands[0])?;
        let conversion = Conversion { to, from, rounding, whole: whole.is_some(), flush, saturate, relu };
        Ok(Operation::Convert { conversion, to: target, from: source })
    }

    /// `cvt.rn.bf16x2.f32 d, a, b`: a goes into the upper half.
    fn convert_pair(
        &mut self,
        kind: crate::operation::Half,
        rounding: Rounding,
        relu: bool,
        from: Type,
    ) -> Result<Operation, ParseError> {
        if from != Type::Scalar(Scalar::F32) {
            return Err(self.modifiers.unsupported("only from f32"));
        }
        self.expect_operands(3)?;
        let (high, low) = (self.scope.word(&self.operands[1])?, self.scope.word(&self.operands[2])?);
        let to = self.scope.word_target(&self.operands[0])?;
        Ok(Operation::ConvertPair { kind, rounding, relu, to, high, low })
    }
}
