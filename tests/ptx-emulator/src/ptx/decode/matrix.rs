//! Tensor cores: `mma.sync` and `ldmatrix`.

use super::{Decoder, Operand, Operation, ParseError};
use crate::operation::{MatrixElement, Row, Scalar};
use crate::ptx::modifiers::Type;

impl<'a> Decoder<'_, 'a> {
    fn rows(
        &mut self,
        operand: &Operand<'a>,
        mut row: impl FnMut(&mut Self, &Operand<'a>) -> Result<Row, ParseError>,
    ) -> Result<Vec<Row>, ParseError> {
        match operand {
            Operand::List(list) => list.iter().map(|one| row(self, one)).collect(),
            one => Ok(vec![row(self, one)?]),
        }
    }

    /// `mma.sync.aligned.m16n8kK.row.col.f32.A.B.f32`
    pub(super) fn matrix_multiply(&mut self) -> Result<Operation, ParseError> {
        let [c, b, a, sum] = [(); 4].map(|()| self.modifiers.last_type());
        let (c, b, a, sum) = (c?, b?, a?, sum?);
        if a != b || c != sum {
            return Err(self.modifiers.unsupported("one type of factors and one of sums expected"));
        }
        self.matrix_multiply_of(a, sum)
    }

    fn matrix_multiply_of(&mut self, factors: Type, sum: Type) -> Result<Operation, ParseError> {
        let element = match factors {
            Type::Scalar(Scalar::Half(half)) => MatrixElement::Half(half),
            Type::Scalar(Scalar::Tf32) => MatrixElement::Tf32,
            _ => return Err(self.modifiers.unsupported("factors in f16, bf16 or tf32 expected")),
        };
        if sum != Type::Scalar(Scalar::F32) {
            return Err(self.modifiers.unsupported("sums in f32 expected"));
        }
        let depth = self.modifiers.require(&[("m16n8k16", 16), ("m16n8k8", 8), ("m16n8k4", 4)])?;
        for required in ["sync", "aligned", "row", "col"] {
            self.modifiers.require(&[(required, ())])?;
        }
        self.expect_operands(4)?;
        let [to, a, b, c] = self.operands else { unreachable!("four operands, as just counted") };
        let to = self.rows(to, |decoder, one| decoder.scope.word_target(one))?;
        let a = self.rows(a, |decoder, one| decoder.scope.word(one))?;
        let b = self.rows(b, |decoder, one| decoder.scope.word(one))?;
        let c = self.rows(c, |decoder, one| decoder.scope.word(one))?;
        let fragments = match (element, depth) {
            (MatrixElement::Half(_), 16) | (MatrixElement::Tf32, 8) => (4, 2),
            (MatrixElement::Half(_), 8) | (MatrixElement::Tf32, 4) => (2, 1),
            _ => return Err(self.modifiers.unsupported("no such shape for this type")),
        };
        if (a.len(), b.len()) != fragments || to.len() != 4 || c.len() != 4 {
            return Err(self.modifiers.unsupported("fragments of other sizes expected"));
        }
        Ok(Operation::MatrixMultiply { element, depth, to, a, b, c })
    }

    /// `ldmatrix.sync.aligned.m8n8.xN[.trans].shared.b16`
    pub(super) fn load_matrix(&mut self) -> Result<Operation, ParseError> {
        for required in ["sync", "aligned", "m8n8"] {
            self.modifiers.require(&[(required, ())])?;
        }
        let count = self.modifiers.require(&[("x1", 1), ("x2", 2), ("x4", 4)])?;
        let transpose = self.modifiers.take("trans");
        self.modifiers.require(&[("shared", ()), ("shared::cta", ())])?;
        if self.modifiers.last_type()? != Type::Bits(16) {
            return Err(self.modifiers.unsupported("`.b16` expected"));
        }
        self.expect_operands(2)?;
        let to = self.rows(&self.operands[0], |decoder, one| decoder.scope.word_target(one))?;
        if to.len() != count {
            return Err(self.modifiers.unsupported("one register for each matrix expected"));
        }
        Ok(Operation::LoadMatrix { to, address: self.scope.address(&self.operands[1])?, transpose })
    }
}
