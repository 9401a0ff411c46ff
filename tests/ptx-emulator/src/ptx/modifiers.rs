//! The modifiers of one instruction: each decoder takes those it knows, and what is left is an error.

use super::ParseError;
use crate::operation::{FloatMode, Half, Integer, Rounding, Scalar};

pub(super) struct Modifiers<'a> {
    /// The whole word, for messages.
    pub instruction: &'a str,
    pub opcode: &'a str,
    pub line: u32,
    left: Vec<&'a str>,
}

/// A type, as instructions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Predicate,
    Scalar(Scalar),
    HalfPair(Half),
    /// `.b8` to `.b64`: bits without meaning.
    Bits(u32),
}

impl Type {
    pub fn parse(text: &str) -> Option<Self> {
        use Integer::{S16, S32, S64, U16, U32, U64};
        let integer = |kind| Some(Self::Scalar(Scalar::Integer(kind)));
        match text {
            "pred" => Some(Self::Predicate),
            "b8" => Some(Self::Bits(8)),
            "b16" => Some(Self::Bits(16)),
            "b32" => Some(Self::Bits(32)),
            "b64" => Some(Self::Bits(64)),
            "u8" => Some(Self::Scalar(Scalar::U8)),
            "s8" => Some(Self::Scalar(Scalar::S8)),
            "u16" => integer(U16),
            "s16" => integer(S16),
            "u32" => integer(U32),
            "s32" => integer(S32),
            "u64" => integer(U64),
            "s64" => integer(S64),
            "f16" => Some(Self::Scalar(Scalar::Half(Half::F16))),
            "bf16" => Some(Self::Scalar(Scalar::Half(Half::Bf16))),
            "f16x2" => Some(Self::HalfPair(Half::F16)),
            "bf16x2" => Some(Self::HalfPair(Half::Bf16)),
            "tf32" => Some(Self::Scalar(Scalar::Tf32)),
            "f32" => Some(Self::Scalar(Scalar::F32)),
            "f64" => Some(Self::Scalar(Scalar::F64)),
            _ => None,
        }
    }

    pub fn bytes(self) -> u64 {
        match self {
            Self::Predicate | Self::Bits(8) => 1,
            Self::Bits(bits) => u64::from(bits / 8),
            Self::Scalar(scalar) => scalar.bytes() as u64,
            Self::HalfPair(_) => 4,
        }
    }

    /// Bits count as an unsigned integer, in loads and logic.
    pub fn scalar(self) -> Option<Scalar> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            Self::Bits(8) => Some(Scalar::U8),
            Self::Bits(16) => Some(Scalar::Integer(Integer::U16)),
            Self::Bits(32) | Self::HalfPair(_) => Some(Scalar::Integer(Integer::U32)),
            Self::Bits(_) => Some(Scalar::Integer(Integer::U64)),
            Self::Predicate => None,
        }
    }
}

impl Scalar {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 => 1,
            Self::Integer(Integer::U16 | Integer::S16) | Self::Half(_) => 2,
            Self::Integer(Integer::U32 | Integer::S32) | Self::Tf32 | Self::F32 => 4,
            Self::Integer(Integer::U64 | Integer::S64) | Self::F64 => 8,
        }
    }
}

impl<'a> Modifiers<'a> {
    pub fn new(instruction: &'a str, line: u32) -> Self {
        let mut parts = instruction.split('.');
        let opcode = parts.next().unwrap_or_default();
        Self { instruction, opcode, line, left: parts.collect() }
    }

    pub fn take(&mut self, name: &str) -> bool {
        let position = self.left.iter().position(|left| *left == name);
        position.map(|position| self.left.remove(position)).is_some()
    }

    /// Takes all of `names` that are there.
    pub fn ignore(&mut self, names: &[&str]) {
        self.left.retain(|left| !names.contains(left));
    }

    /// Takes all with this beginning: hints to caches.
    pub fn ignore_prefix(&mut self, prefix: &str) {
        self.left.retain(|left| !left.starts_with(prefix));
    }

    /// Takes the first of `names` that is there.
    pub fn choose<T: Copy>(&mut self, names: &[(&str, T)]) -> Option<T> {
        names.iter().find(|(name, _)| self.take(name)).map(|&(_, value)| value)
    }

    /// As [`choose`](Self::choose), where one has to be there.
    pub fn require<T: Copy>(&mut self, names: &[(&str, T)]) -> Result<T, ParseError> {
        self.choose(names).ok_or_else(|| self.unsupported("a modifier is missing"))
    }

    /// Takes the last modifier, which has to be a type.
    pub fn last_type(&mut self) -> Result<Type, ParseError> {
        let parsed = self.left.last().and_then(|text| Type::parse(text));
        self.left.pop();
        parsed.ok_or_else(|| self.unsupported("it does not end in a type"))
    }

    pub fn rounding(&mut self) -> Option<Rounding> {
        use Rounding::{Down, Nearest, NearestAway, Up, Zero};
        self.choose(&[("rn", Nearest), ("rna", NearestAway), ("rz", Zero), ("rm", Down), ("rp", Up)])
    }

    /// `.rni` and its like: to a whole number.
    pub fn whole_rounding(&mut self) -> Option<Rounding> {
        use Rounding::{Down, Nearest, Up, Zero};
        self.choose(&[("rni", Nearest), ("rzi", Zero), ("rmi", Down), ("rpi", Up)])
    }

    pub fn float_mode(&mut self) -> FloatMode {
        FloatMode {
            rounding: self.rounding().unwrap_or(Rounding::Nearest),
            flush: self.take("ftz"),
            saturate: self.take("sat"),
            nan: self.take("NaN"),
            relu: self.take("relu"),
        }
    }

    /// # Errors
    /// If a modifier is left that nothing took: it may change what the instruction does.
    pub fn finish(&self) -> Result<(), ParseError> {
        match self.left.first() {
            None => Ok(()),
            Some(left) => Err(self.unsupported(&format!("modifier `.{left}` is not known here"))),
        }
    }

    pub fn unsupported(&self, why: &str) -> ParseError {
        ParseError::new(self.line, format!("unsupported instruction `{}`: {why}", self.instruction))
    }
}
