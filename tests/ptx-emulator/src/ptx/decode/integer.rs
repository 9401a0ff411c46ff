//! Integers: arithmetic, logic, shifts and bits.

use super::{Decoder, Operand, Operation, ParseError};
use crate::operation::{Binary, Integer, Logic, Row, Scalar, Ternary, Unary, WordTernary};
use crate::ptx::modifiers::Type;

impl Integer {
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::U16 | Self::S16 => 16,
            Self::U32 | Self::S32 => 32,
            Self::U64 | Self::S64 => 64,
        }
    }

    pub(crate) fn signed(self) -> bool {
        matches!(self, Self::S16 | Self::S32 | Self::S64)
    }
}

impl<'a> Decoder<'_, 'a> {
    /// An integer source, as wide as its type.
    pub(super) fn integer(&mut self, kind: Integer, operand: &Operand<'a>) -> Result<Row, ParseError> {
        match kind.bits() {
            64 => self.scope.long(operand),
            32 => self.scope.word(operand),
            _ => self.scope.short(operand),
        }
    }

    fn integer_target(&self, kind: Integer, operand: &Operand<'a>) -> Result<Row, ParseError> {
        if kind.bits() == 64 { self.scope.long_target(operand) } else { self.scope.word_target(operand) }
    }

    /// An integer type, or bits taken for one without sign.
    pub(super) fn last_integer(&mut self) -> Result<Integer, ParseError> {
        match self.modifiers.last_type()?.scalar() {
            Some(Scalar::Integer(kind)) => Ok(kind),
            _ => Err(self.modifiers.unsupported("an integer type expected")),
        }
    }

    pub(super) fn integer_unary(&mut self, operation: Unary, kind: Integer) -> Result<Operation, ParseError> {
        self.expect_operands(2)?;
        let a = self.integer(kind, &self.operands[1])?;
        Ok(Operation::IntegerUnary { operation, kind, to: self.integer_target(kind, &self.operands[0])?, a })
    }

    pub(super) fn integer_binary(
        &mut self,
        operation: Binary,
        kind: Integer,
    ) -> Result<Operation, ParseError> {
        self.expect_operands(3)?;
        let (a, b) = (self.integer(kind, &self.operands[1])?, self.integer(kind, &self.operands[2])?);
        Ok(Operation::IntegerBinary {
            operation,
            kind,
            to: self.integer_target(kind, &self.operands[0])?,
            a,
            b,
        })
    }

    /// `add`, `sub`, `mul`, `mad`, `div`, `rem`, `min`, `max`, `abs` and `neg` of integers.
    pub(super) fn integer_arithmetic(&mut self, kind: Integer) -> Result<Operation, ParseError> {
        let saturate = kind == Integer::S32 && self.modifiers.take("sat");
        match (self.modifiers.opcode, saturate) {
            ("add", false) => self.integer_binary(Binary::Add, kind),
            ("add", true) => self.integer_binary(Binary::AddSaturating, kind),
            ("sub", false) => self.integer_binary(Binary::Subtract, kind),
            ("sub", true) => self.integer_binary(Binary::SubtractSaturating, kind),
            ("div", false) => self.integer_binary(Binary::Divide, kind),
            ("rem", false) => self.integer_binary(Binary::Remainder, kind),
            ("min", false) => self.integer_binary(Binary::Minimum, kind),
            ("max", false) => self.integer_binary(Binary::Maximum, kind),
            ("abs", false) => self.integer_unary(Unary::Abs, kind),
            ("neg", false) => self.integer_unary(Unary::Negate, kind),
            ("mul" | "mad", false) => self.multiply(kind),
            _ => Err(self.modifiers.unsupported("not for integers")),
        }
    }

    fn multiply(&mut self, kind: Integer) -> Result<Operation, ParseError> {
        let add = self.modifiers.opcode == "mad";
        if self.modifiers.take("wide") {
            return self.multiply_wide(kind, add);
        }
        let high = self.modifiers.require(&[("lo", false), ("hi", true)])?;
        if !add {
            return self.integer_binary(if high { Binary::MultiplyHigh } else { Binary::Multiply }, kind);
        }
        self.expect_operands(4)?;
        let operation = if high { Ternary::MultiplyAddHigh } else { Ternary::MultiplyAdd };
        self.integer_ternary(operation, kind)
    }

    fn integer_ternary(&mut self, operation: Ternary, kind: Integer) -> Result<Operation, ParseError> {
        let a = self.integer(kind, &self.operands[1])?;
        let b = self.integer(kind, &self.operands[2])?;
        let c = self.integer(kind, &self.operands[3])?;
        let to = self.integer_target(kind, &self.operands[0])?;
        Ok(Operation::IntegerTernary { operation, kind, to, a, b, c })
    }

    fn multiply_wide(&mut self, kind: Integer, add: bool) -> Result<Operation, ParseError> {
        self.expect_operands(if add { 4 } else { 3 })?;
        let (a, b) = (self.integer(kind, &self.operands[1])?, self.integer(kind, &self.operands[2])?);
        let signed = kind.signed();
        match kind.bits() {
            32 => {
                let add = if add { Some(self.scope.long(&self.operands[3])?) } else { None };
                Ok(Operation::WidenLong { signed, to: self.scope.long_target(&self.operands[0])?, a, b, add })
            }
            16 => {
                let add = if add { Some(self.scope.word(&self.operands[3])?) } else { None };
                Ok(Operation::WidenWord { signed, to: self.scope.word_target(&self.operands[0])?, a, b, add })
            }
            _ => Err(self.modifiers.unsupported("a product of 128 bits")),
        }
    }

    pub(super) fn logic(&mut self) -> Result<Operation, ParseError> {
        let kind = self.modifiers.last_type()?;
        if kind == Type::Predicate {
            return self.predicate_logic();
        }
        let Some(Scalar::Integer(kind)) = kind.scalar() else {
            return Err(self.modifiers.unsupported("bits expected"));
        };
        match self.modifiers.opcode {
            "and" => self.integer_binary(Binary::And, kind),
            "or" => self.integer_binary(Binary::Or, kind),
            "xor" => self.integer_binary(Binary::Xor, kind),
            _ => self.integer_unary(Unary::Not, kind),
        }
    }

    fn predicate_logic(&mut self) -> Result<Operation, ParseError> {
        let Some(Operand::Name(to)) = self.operands.first() else {
            return Err(self.modifiers.unsupported("a predicate expected"));
        };
        let to = self.scope.predicate_target(to)?;
        let logic = match self.modifiers.opcode {
            "and" => Logic::And,
            "or" => Logic::Or,
            "xor" => Logic::Xor,
            _ => {
                self.expect_operands(2)?;
                let mut from = self.scope.condition(&self.operands[1])?;
                from.negated = !from.negated;
                return Ok(Operation::MovePredicate { to, from });
            }
        };
        self.expect_operands(3)?;
        let (a, b) = (self.scope.condition(&self.operands[1])?, self.scope.condition(&self.operands[2])?);
        Ok(Operation::PredicateLogic { logic, to, a, b })
    }

    pub(super) fn shift(&mut self) -> Result<Operation, ParseError> {
        let kind = self.last_integer()?;
        self.expect_operands(3)?;
        let a = self.integer(kind, &self.operands[1])?;
        let amount = self.scope.word(&self.operands[2])?;
        let to = self.integer_target(kind, &self.operands[0])?;
        Ok(match self.modifiers.opcode {
            "shl" => Operation::ShiftLeft { kind, to, a, amount },
            _ => Operation::ShiftRight { kind, to, a, amount },
        })
    }

    /// `shf`, `prmt` and `lop3`: three words in, one out.
    pub(super) fn word_ternary(&mut self) -> Result<Operation, ParseError> {
        let operation = match self.modifiers.opcode {
            "shf" => {
                let right = self.modifiers.require(&[("l", false), ("r", true)])?;
                let clamp = self.modifiers.require(&[("clamp", true), ("wrap", false)])?;
                if right { WordTernary::FunnelRight { clamp } } else { WordTernary::FunnelLeft { clamp } }
            }
            "prmt" => WordTernary::Permute,
            _ => {
                self.expect_operands(5)?;
                WordTernary::Logic(self.scope.require_constant(&self.operands[4])? as u8)
            }
        };
        if self.modifiers.last_type()? != Type::Bits(32) {
            return Err(self.modifiers.unsupported("`.b32` expected"));
        }
        if !matches!(operation, WordTernary::Logic(_)) {
            self.expect_operands(4)?;
        }
        let a = self.scope.word(&self.operands[1])?;
        let b = self.scope.word(&self.operands[2])?;
        let c = self.scope.word(&self.operands[3])?;
        Ok(Operation::WordTernary { operation, to: self.scope.word_target(&self.operands[0])?, a, b, c })
    }

    pub(super) fn bit_field(&mut self) -> Result<Operation, ParseError> {
        let kind = self.last_integer()?;
        if self.modifiers.opcode == "bfe" {
            self.expect_operands(4)?;
            if kind.bits() == 32 {
                return self.integer_ternary(Ternary::ExtractBits, kind);
            }
            let a = self.scope.long(&self.operands[1])?;
            let position = self.scope.word(&self.operands[2])?;
            let length = self.scope.word(&self.operands[3])?;
            let to = self.scope.long_target(&self.operands[0])?;
            return Ok(Operation::ExtractLong { signed: kind.signed(), to, a, position, length });
        }
        self.expect_operands(5)?;
        let bytes = kind.bits() as usize / 8;
        Ok(Operation::InsertBits {
            bits: kind.bits(),
            field: self.scope.source(&self.operands[1], bytes)?,
            into: self.scope.source(&self.operands[2], bytes)?,
            position: self.scope.word(&self.operands[3])?,
            length: self.scope.word(&self.operands[4])?,
            to: self.scope.target(&self.operands[0])?,
        })
    }

    pub(super) fn bit_count(&mut self) -> Result<Operation, ParseError> {
        let operation = match self.modifiers.opcode {
            "popc" => Unary::CountOnes,
            "clz" => Unary::LeadingZeros,
            "brev" => Unary::Reverse,
            _ => self.modifiers.choose(&[("shiftamt", Unary::FindBitShift)]).unwrap_or(Unary::FindBit),
        };
        let kind = self.last_integer()?;
        if kind.bits() < 64 || operation == Unary::Reverse {
            return self.integer_unary(operation, kind);
        }
        self.expect_operands(2)?;
        let a = self.scope.long(&self.operands[1])?;
        let to = self.scope.word_target(&self.operands[0])?;
        Ok(Operation::LongToWord { operation, signed: kind.signed(), to, a })
    }
}
