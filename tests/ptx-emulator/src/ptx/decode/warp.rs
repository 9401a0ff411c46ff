//! What lanes of a warp or threads of a block do together.

use super::{Decoder, Operand, Operation, ParseError};
use crate::operation::{BarrierReduction, Binary, Scalar, ShuffleMode, VoteMode};
use crate::ptx::modifiers::Type;

impl<'a> Decoder<'_, 'a> {
    pub(super) fn shuffle(&mut self) -> Result<Operation, ParseError> {
        self.require_sync()?;
        let mode = self.modifiers.require(&[
            ("up", ShuffleMode::Up),
            ("down", ShuffleMode::Down),
            ("bfly", ShuffleMode::Butterfly),
            ("idx", ShuffleMode::Index),
        ])?;
        self.modifiers.last_type()?;
        self.expect_operands(5)?;
        let (to, valid) = match &self.operands[0] {
            Operand::Pair(to, valid) => {
                (self.scope.target(&Operand::Name(to))?, Some(self.scope.predicate_target(valid)?))
            }
            to => (self.scope.target(to)?, None),
        };
        Ok(Operation::Shuffle {
            mode,
            to,
            valid,
            from: self.scope.word(&self.operands[1])?,
            lane: self.scope.word(&self.operands[2])?,
            clamp: self.scope.word(&self.operands[3])?,
            members: self.scope.word(&self.operands[4])?,
        })
    }

    fn require_sync(&mut self) -> Result<(), ParseError> {
        if self.modifiers.take("sync") {
            return Ok(());
        }
        Err(self.modifiers.unsupported("without `.sync` it says nothing since Volta"))
    }

    pub(super) fn vote(&mut self) -> Result<Operation, ParseError> {
        self.require_sync()?;
        let ballot = self.modifiers.take("ballot");
        let kind = self.modifiers.last_type()?;
        self.expect_operands(3)?;
        let condition = self.scope.condition(&self.operands[1])?;
        let members = self.scope.word(&self.operands[2])?;
        if ballot {
            return Ok(Operation::Ballot {
                to: self.scope.word_target(&self.operands[0])?,
                condition,
                members,
            });
        }
        let mode = self.modifiers.require(&[
            ("all", VoteMode::All),
            ("any", VoteMode::Any),
            ("uni", VoteMode::Uniform),
        ])?;
        match (&self.operands[0], kind) {
            (Operand::Name(to), Type::Predicate) => {
                Ok(Operation::Vote { mode, to: self.scope.predicate_target(to)?, condition, members })
            }
            _ => Err(self.modifiers.unsupported("a predicate expected")),
        }
    }

    pub(super) fn reduce(&mut self) -> Result<Operation, ParseError> {
        self.require_sync()?;
        let operation = self.modifiers.require(&[
            ("add", Binary::Add),
            ("min", Binary::Minimum),
            ("max", Binary::Maximum),
            ("and", Binary::And),
            ("or", Binary::Or),
            ("xor", Binary::Xor),
        ])?;
        let kind = match self.modifiers.last_type()?.scalar() {
            Some(Scalar::Integer(kind)) if kind.bits() == 32 => kind,
            _ => return Err(self.modifiers.unsupported("integers of 32 bits expected")),
        };
        self.expect_operands(3)?;
        Ok(Operation::Reduce {
            operation,
            kind,
            to: self.scope.word_target(&self.operands[0])?,
            from: self.scope.word(&self.operands[1])?,
            members: self.scope.word(&self.operands[2])?,
        })
    }

    pub(super) fn active_mask(&mut self) -> Result<Operation, ParseError> {
        self.modifiers.last_type()?;
        self.expect_operands(1)?;
        Ok(Operation::ActiveMask { to: self.scope.word_target(&self.operands[0])? })
    }

    /// `bar.sync 0`, `bar.warp.sync mask`, `bar.red.popc.u32 d, 0, p`.
    pub(super) fn barrier(&mut self) -> Result<Operation, ParseError> {
        self.modifiers.ignore(&["cta", "aligned"]);
        if self.modifiers.take("warp") {
            self.require_sync()?;
            self.expect_operands(1)?;
            return Ok(Operation::WarpBarrier { members: self.scope.word(&self.operands[0])? });
        }
        if self.modifiers.take("red") {
            return self.barrier_reduction();
        }
        self.require_sync()?;
        self.expect_operands(1)?;
        self.require_barrier_zero(&self.operands[0])?;
        Ok(Operation::Barrier { reduction: None })
    }

    fn barrier_reduction(&mut self) -> Result<Operation, ParseError> {
        let kind = self.modifiers.last_type()?;
        let mode = self.modifiers.require(&[("popc", 0), ("and", 1), ("or", 2)])?;
        self.expect_operands(3)?;
        self.require_barrier_zero(&self.operands[1])?;
        let condition = self.scope.condition(&self.operands[2])?;
        let reduction = match (mode, kind, &self.operands[0]) {
            (0, _, to) => BarrierReduction::Count(self.scope.word_target(to)?),
            (1, Type::Predicate, Operand::Name(to)) => {
                BarrierReduction::And(self.scope.predicate_target(to)?)
            }
            (_, Type::Predicate, Operand::Name(to)) => BarrierReduction::Or(self.scope.predicate_target(to)?),
            _ => return Err(self.modifiers.unsupported("a predicate expected")),
        };
        Ok(Operation::Barrier { reduction: Some((reduction, condition)) })
    }

    fn require_barrier_zero(&self, operand: &Operand<'a>) -> Result<(), ParseError> {
        match self.scope.constant(operand) {
            Some(0) => Ok(()),
            _ => Err(self.modifiers.unsupported("only barrier 0, for all threads of a block, is known")),
        }
    }
}
