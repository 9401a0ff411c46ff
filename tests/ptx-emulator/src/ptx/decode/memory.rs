//! Loads, stores, atomics, copies and fences.

use super::{Decoder, Operand, Operation, ParseError};
use crate::operation::{AddressSpace, AtomicOperation, AtomicType, Register, Scalar};
use crate::ptx::modifiers::Type;

/// Scopes and hints to caches, which change nothing that the emulator models.
const HINTS: &[&str] =
    &["nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "weak", "gpu", "cta", "sys", "cluster", "gl", "proxy"];

impl<'a> Decoder<'_, 'a> {
    fn space(&mut self) -> AddressSpace {
        self.modifiers
            .choose(&[
                ("global", AddressSpace::Global),
                ("const", AddressSpace::Global),
                ("shared", AddressSpace::Shared),
                ("shared::cta", AddressSpace::Shared),
                ("local", AddressSpace::Local),
                ("param", AddressSpace::Parameter),
                ("param::entry", AddressSpace::Parameter),
            ])
            .unwrap_or(AddressSpace::Generic)
    }

    /// Takes hints, and says whether the access is ordered by itself (volatile, or stronger).
    fn strength(&mut self) -> bool {
        self.modifiers.ignore(HINTS);
        self.modifiers.ignore_prefix("L1::");
        self.modifiers.ignore_prefix("L2::");
        let strong = ["volatile", "relaxed", "acquire", "release", "acq_rel", "sc"];
        let found = strong.map(|name| self.modifiers.take(name));
        found.contains(&true)
    }

    /// How many elements an access has: `.v2`, `.v4`.
    fn vector(&mut self) -> usize {
        self.modifiers.choose(&[("v2", 2), ("v4", 4)]).unwrap_or(1)
    }

    fn memory_type(&mut self) -> Result<Scalar, ParseError> {
        self.modifiers.last_type()?.scalar().ok_or_else(|| self.modifiers.unsupported("not for predicates"))
    }

    fn elements<T>(
        &mut self,
        operand: &Operand<'a>,
        count: usize,
        mut element: impl FnMut(&mut Self, &Operand<'a>) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        match operand {
            Operand::List(list) if list.len() == count => list.iter().map(|one| element(self, one)).collect(),
            Operand::List(_) => Err(self.modifiers.unsupported("as many registers as elements expected")),
            one if count == 1 => Ok(vec![element(self, one)?]),
            _ => Err(self.modifiers.unsupported("a list of registers expected")),
        }
    }

    pub(super) fn load(&mut self) -> Result<Operation, ParseError> {
        let kind = self.memory_type()?;
        let (strong, space, count) = (self.strength(), self.space(), self.vector());
        self.expect_operands(2)?;
        let [to, from] = self.operands else { unreachable!("two operands, as just counted") };
        let to = self.elements(to, count, |decoder, one| decoder.scope.target(one))?;
        if let (AddressSpace::Parameter, Operand::Address { base, offset }, [to]) =
            (space, from, to.as_slice())
            && let Some(start) = self.scope.parameter(base)
        {
            let offset = start.wrapping_add(*offset) as usize;
            return Ok(Operation::LoadParameter { offset, kind, to: *to });
        }
        Ok(Operation::Load { space, kind, to, address: self.scope.address(from)?, strong })
    }

    pub(super) fn store(&mut self) -> Result<Operation, ParseError> {
        let bytes = self.memory_type()?.bytes();
        let (strong, space, count) = (self.strength(), self.space(), self.vector());
        self.expect_operands(2)?;
        let [to, from] = self.operands else { unreachable!("two operands, as just counted") };
        let from = self.elements(from, count, |decoder, one| decoder.scope.source(one, bytes))?;
        Ok(Operation::Store { space, bytes, from, address: self.scope.address(to)?, strong })
    }

    pub(super) fn atomic(&mut self) -> Result<Operation, ParseError> {
        use AtomicOperation::{
            Add, And, CompareAndSwap, Decrement, Exchange, Increment, Maximum, Minimum, Or, Xor,
        };
        let kind = match self.modifiers.last_type()? {
            Type::Scalar(Scalar::F32) => AtomicType::F32,
            Type::Scalar(Scalar::F64) => AtomicType::F64,
            Type::Scalar(Scalar::Half(half)) => AtomicType::Half(half),
            Type::HalfPair(half) => AtomicType::HalfPair(half),
            kind => match kind.scalar() {
                Some(Scalar::Integer(integer)) => AtomicType::Integer(integer),
                _ => return Err(self.modifiers.unsupported("not for this type")),
            },
        };
        self.strength();
        self.modifiers.ignore(&["noftz"]);
        let space = self.space();
        let operation = self.modifiers.require(&[
            ("add", Add),
            ("min", Minimum),
            ("max", Maximum),
            ("exch", Exchange),
            ("cas", CompareAndSwap),
            ("and", And),
            ("or", Or),
            ("xor", Xor),
            ("inc", Increment),
            ("dec", Decrement),
        ])?;
        if !matches!(kind, AtomicType::Integer(_)) && operation != Add {
            return Err(self.modifiers.unsupported("floats can only be added"));
        }
        let returns = usize::from(self.modifiers.opcode == "atom");
        let swaps = usize::from(operation == CompareAndSwap);
        self.expect_operands(returns + 2 + swaps)?;
        let bytes = kind.bytes();
        let to = if returns == 1 { self.scope.target(&self.operands[0])? } else { Register::Sink };
        let address = self.scope.address(&self.operands[returns])?;
        let value = self.scope.source(&self.operands[returns + 1], bytes)?;
        let new =
            if swaps == 1 { self.scope.source(&self.operands[returns + 2], bytes)? } else { Register::Sink };
        Ok(Operation::Atomic { operation, kind, space, to, address, value, new })
    }

    /// `cp.async`, its groups and waits.
    pub(super) fn copy(&mut self) -> Result<Operation, ParseError> {
        if !self.modifiers.take("async") {
            return Err(self.modifiers.unsupported("only `cp.async` is known"));
        }
        if self.modifiers.take("commit_group") {
            return Ok(Operation::CopyCommit);
        }
        if self.modifiers.take("wait_all") {
            return Ok(Operation::CopyWaitAll);
        }
        if self.modifiers.take("wait_group") {
            self.expect_operands(1)?;
            let pending = self.scope.require_constant(&self.operands[0])? as u32;
            return Ok(Operation::CopyWait { pending });
        }
        self.strength();
        self.modifiers.ignore(&["shared", "shared::cta", "global"]);
        let [to, from, bytes, rest @ ..] = self.operands else {
            return Err(self.modifiers.unsupported("three operands expected"));
        };
        let bytes = self.scope.require_constant(bytes)? as usize;
        if !matches!(bytes, 4 | 8 | 16) || rest.len() > 1 {
            return Err(self.modifiers.unsupported("4, 8 or 16 bytes and no hint to caches expected"));
        }
        let source_bytes = match rest {
            [count] => Some(self.scope.word(count)?),
            _ => None,
        };
        Ok(Operation::CopyAsync {
            to: self.scope.address(to)?,
            from: self.scope.address(from)?,
            bytes,
            source_bytes,
        })
    }

    pub(super) fn fence(&mut self) -> Result<Operation, ParseError> {
        self.strength();
        self.expect_operands(0)?;
        Ok(Operation::Fence)
    }
}

impl AtomicType {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Integer(kind) => kind.bits() as usize / 8,
            Self::F32 | Self::HalfPair(_) => 4,
            Self::F64 => 8,
            Self::Half(_) => 2,
        }
    }
}
