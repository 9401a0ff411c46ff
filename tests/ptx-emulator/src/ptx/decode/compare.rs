//! `setp` and `set`.

use super::{Decoder, Operand, Operation, ParseError};
use crate::operation::{Compare, Comparison, Logic, Outcome, Scalar};
use crate::ptx::modifiers::Type;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("eq", Comparison::Equal),
    ("ne", Comparison::NotEqual),
    ("lt", Comparison::Less),
    ("lo", Comparison::Less),
    ("le", Comparison::LessEqual),
    ("ls", Comparison::LessEqual),
    ("gt", Comparison::Greater),
    ("hi", Comparison::Greater),
    ("ge", Comparison::GreaterEqual),
    ("hs", Comparison::GreaterEqual),
    ("equ", Comparison::EqualUnordered),
    ("neu", Comparison::NotEqualUnordered),
    ("ltu", Comparison::LessUnordered),
    ("leu", Comparison::LessEqualUnordered),
    ("gtu", Comparison::GreaterUnordered),
    ("geu", Comparison::GreaterEqualUnordered),
    ("num", Comparison::BothNumbers),
    ("nan", Comparison::EitherNan),
];

impl<'a> Decoder<'_, 'a> {
    /// `setp.lt.and.f32 p|q, a, b, c`, and `set`, whose outcome is a word: all ones, or 1.0.
    pub(super) fn compare(&mut self) -> Result<Operation, ParseError> {
        let comparison = self.modifiers.require(COMPARISONS)?;
        let logic = self.modifiers.choose(&[("and", Logic::And), ("or", Logic::Or), ("xor", Logic::Xor)]);
        let flush = self.modifiers.take("ftz");
        let kind = self.modifiers.last_type()?;
        self.expect_operands(if logic.is_some() { 4 } else { 3 })?;
        let outcome = self.outcome()?;
        let combine = match logic {
            Some(logic) => Some((logic, self.scope.condition(&self.operands[3])?)),
            None => None,
        };
        let compare = Compare { comparison, outcome, combine, flush };
        let (a, b) = (&self.operands[1], &self.operands[2]);
        match kind {
            Type::Scalar(Scalar::F32) => {
                Ok(Operation::CompareF32 { compare, a: self.scope.word(a)?, b: self.scope.word(b)? })
            }
            Type::Scalar(Scalar::F64) => {
                Ok(Operation::CompareF64 { compare, a: self.scope.long(a)?, b: self.scope.long(b)? })
            }
            Type::Scalar(Scalar::Half(kind)) => {
                Ok(Operation::CompareHalf { compare, kind, a: self.scope.word(a)?, b: self.scope.word(b)? })
            }
            Type::HalfPair(_) => Err(self.modifiers.unsupported("not for pairs of halves")),
            kind => match kind.scalar() {
                Some(Scalar::Integer(kind)) => {
                    let (a, b) = (self.integer(kind, a)?, self.integer(kind, b)?);
                    Ok(Operation::CompareInteger { compare, kind, a, b })
                }
                _ => Err(self.modifiers.unsupported("not for this type")),
            },
        }
    }

    fn outcome(&mut self) -> Result<Outcome, ParseError> {
        if self.modifiers.opcode == "set" {
            let ones = match self.modifiers.last_type()? {
                Type::Scalar(Scalar::F32) => 1f32.to_bits(),
                kind if kind.bytes() == 4 => u32::MAX,
                _ => return Err(self.modifiers.unsupported("a result of 32 bits expected")),
            };
            return Ok(Outcome::Word(self.scope.word_target(&self.operands[0])?, ones));
        }
        match &self.operands[0] {
            Operand::Name(to) => Ok(Outcome::Predicates(self.scope.predicate_target(to)?, None)),
            Operand::Pair(to, opposite) => Ok(Outcome::Predicates(
                self.scope.predicate_target(to)?,
                Some(self.scope.predicate_target(opposite)?),
            )),
            _ => Err(self.modifiers.unsupported("a predicate expected")),
        }
    }
}
