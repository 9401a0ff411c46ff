//! Types of values, and what is done to them: the words that follow an instruction's name.

use super::{Condition, Row};

/// An integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    U16,
    S16,
    U32,
    S32,
    U64,
    S64,
}

/// A type of two or more bytes with a sign, exponent and fraction; the `x2` ones are a pair in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    F16,
    Bf16,
}

/// Any scalar type of a conversion, load or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    U8,
    S8,
    Integer(Integer),
    Half(Half),
    Tf32,
    F32,
    F64,
}

/// Direction in which a result is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    Nearest,
    /// Ties away from zero (`.rna`).
    NearestAway,
    Zero,
    Down,
    Up,
}

/// How a float operation treats special values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FloatMode {
    pub rounding: Rounding,
    /// Subnormal operands and results become zero.
    pub flush: bool,
    /// The result is clamped to [0, 1].
    pub saturate: bool,
    /// Minimum and maximum give NaN if either operand is.
    pub nan: bool,
    /// The result is not below zero.
    pub relu: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Abs,
    Negate,
    Not,
    CountOnes,
    LeadingZeros,
    Reverse,
    /// Position of the highest bit that differs from the sign; all ones if none.
    FindBit,
    /// As `FindBit`, as the shift that brings the bit to the top.
    FindBitShift,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    AddSaturating,
    Subtract,
    SubtractSaturating,
    Multiply,
    MultiplyHigh,
    Divide,
    Remainder,
    Minimum,
    Maximum,
    And,
    Or,
    Xor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ternary {
    /// a · b + c, low half of the product.
    MultiplyAdd,
    /// a · b + c, high half of the product.
    MultiplyAddHigh,
    /// `bfe`: bits of a from b on, c of them.
    ExtractBits,
}

/// Operations on words that have no integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WordTernary {
    /// Bytes of (a, b) chosen by c.
    Permute,
    FunnelLeft {
        clamp: bool,
    },
    FunnelRight {
        clamp: bool,
    },
    /// Any function of three bits, by its table.
    Logic(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatUnary {
    Abs,
    Negate,
    SquareRoot,
    Reciprocal,
    ReciprocalSquareRoot,
    Exp2,
    Log2,
    Sine,
    Cosine,
    Tanh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatBinary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    CopySign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatClass {
    Finite,
    Infinite,
    Number,
    NotANumber,
    Normal,
    Subnormal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
    Xor,
}

/// A comparison; those from `EqualUnordered` on are true also where an operand is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    EqualUnordered,
    NotEqualUnordered,
    LessUnordered,
    LessEqualUnordered,
    GreaterUnordered,
    GreaterEqualUnordered,
    BothNumbers,
    EitherNan,
}

/// Where the outcome of a comparison goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A predicate, and perhaps a second one for the opposite.
    Predicates(Row, Option<Row>),
    /// This word where true, zero elsewhere.
    Word(Row, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compare {
    pub comparison: Comparison,
    pub outcome: Outcome,
    /// The outcome is combined with another predicate.
    pub combine: Option<(Logic, Condition)>,
    /// For f32: subnormal operands count as zero.
    pub flush: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub to: Scalar,
    pub from: Scalar,
    pub rounding: Rounding,
    /// Rounded to a whole number (`.rni` and so on).
    pub whole: bool,
    pub flush: bool,
    pub saturate: bool,
    pub relu: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtomicOperation {
    Add,
    Minimum,
    Maximum,
    Exchange,
    CompareAndSwap,
    And,
    Or,
    Xor,
    Increment,
    Decrement,
}

/// The type an atomic works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtomicType {
    Integer(Integer),
    F32,
    F64,
    Half(Half),
    HalfPair(Half),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShuffleMode {
    Up,
    Down,
    Butterfly,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VoteMode {
    All,
    Any,
    Uniform,
}

/// What a barrier of the block computes of its threads' predicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierReduction {
    Count(Row),
    And(Row),
    Or(Row),
}

/// Elements of a tensor-core product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatrixElement {
    Half(Half),
    Tf32,
}
