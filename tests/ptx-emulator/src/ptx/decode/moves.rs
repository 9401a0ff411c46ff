//! `mov`, `cvta`, `selp`.

use super::{Decoder, Operand, Operation, ParseError};
use crate::module::{LOCAL_WINDOW, SHARED_WINDOW};
use crate::operation::Register;
use crate::ptx::modifiers::Type;

impl<'a> Decoder<'_, 'a> {
    pub(super) fn mov(&mut self) -> Result<Operation, ParseError> {
        let kind = self.modifiers.last_type()?;
        self.expect_operands(2)?;
        match (&self.operands[0], &self.operands[1]) {
            (Operand::List(parts), from) => self.unpack(kind, parts, from),
            (to, Operand::List(parts)) => self.pack(kind, to, parts),
            (Operand::Name(to), from) if kind == Type::Predicate => Ok(Operation::MovePredicate {
                to: self.scope.predicate_target(to)?,
                from: self.scope.condition(from)?,
            }),
            (to, Operand::Name("%clock" | "%clock64" | "%globaltimer" | "%clock_hi")) => {
                Ok(Operation::Clock { to: self.scope.target(to)? })
            }
            (to, from) => {
                let to = self.scope.target(to)?;
                let from = self.scope.source(from, kind.bytes() as usize)?;
                match (to, from) {
                    (Register::Word(to), Register::Word(from)) => Ok(Operation::MoveWord { to, from }),
                    (Register::Long(to), Register::Long(from)) => Ok(Operation::MoveLong { to, from }),
                    _ => Err(self.modifiers.unsupported("registers of different widths")),
                }
            }
        }
    }

    fn unpack(
        &mut self,
        kind: Type,
        parts: &[Operand<'a>],
        from: &Operand<'a>,
    ) -> Result<Operation, ParseError> {
        let part_bits = self.part_bits(kind, parts.len())?;
        let to = parts.iter().map(|part| self.scope.target(part)).collect::<Result<_, _>>()?;
        Ok(Operation::Unpack { to, from: self.scope.source(from, kind.bytes() as usize)?, part_bits })
    }

    fn pack(&mut self, kind: Type, to: &Operand<'a>, parts: &[Operand<'a>]) -> Result<Operation, ParseError> {
        let part_bits = self.part_bits(kind, parts.len())?;
        let from = parts.iter().map(|part| self.scope.word(part)).collect::<Result<_, _>>()?;
        Ok(Operation::Pack { to: self.scope.target(to)?, from, part_bits })
    }

    fn part_bits(&self, kind: Type, parts: usize) -> Result<u32, ParseError> {
        match (kind.bytes() * 8, parts) {
            (bits @ (32 | 64), 2) | (bits @ 64, 4) => Ok(bits as u32 / parts as u32),
            _ => Err(self.modifiers.unsupported("so many parts of this width")),
        }
    }

    pub(super) fn convert_address(&mut self) -> Result<Operation, ParseError> {
        let generic = !self.modifiers.take("to");
        let window = self.modifiers.require(&[
            ("global", 0),
            ("const", 0),
            ("param", 0),
            ("shared", SHARED_WINDOW),
            ("local", LOCAL_WINDOW),
        ])?;
        self.modifiers.last_type()?;
        self.expect_operands(2)?;
        let from = self.scope.long(&self.operands[1])?;
        Ok(Operation::ConvertAddress {
            to: self.scope.long_target(&self.operands[0])?,
            from,
            window,
            generic,
        })
    }

    pub(super) fn select(&mut self) -> Result<Operation, ParseError> {
        let kind = self.modifiers.last_type()?;
        self.expect_operands(4)?;
        let [to, a, b, condition] = self.operands else { unreachable!("four operands, as just counted") };
        let condition = self.scope.condition(condition)?;
        match (kind, to) {
            (Type::Predicate, Operand::Name(to)) => Ok(Operation::SelectPredicate {
                to: self.scope.predicate_target(to)?,
                a: self.scope.condition(a)?,
                b: self.scope.condition(b)?,
                condition,
            }),
            _ if kind.bytes() == 8 => Ok(Operation::SelectLong {
                to: self.scope.long_target(to)?,
                a: self.scope.long(a)?,
                b: self.scope.long(b)?,
                condition,
            }),
            _ => {
                let short = kind.bytes() == 2;
                let a = if short { self.scope.short(a)? } else { self.scope.word(a)? };
                let b = if short { self.scope.short(b)? } else { self.scope.word(b)? };
                Ok(Operation::SelectWord { to: self.scope.word_target(to)?, a, b, condition })
            }
        }
    }
}
