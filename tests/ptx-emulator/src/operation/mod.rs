//! Decoded instructions: what to do, with the rows of registers to do it on.
//!
//! Operands are rows always: an immediate is a row that holds a constant, a special register a row filled when a warp
//! begins. Rows of 32-bit registers ("words") and of 64-bit ones ("longs") are counted apart; a predicate is a mask.

mod kinds;

pub(crate) use kinds::{
    AtomicOperation, AtomicType, BarrierReduction, Binary, Compare, Comparison, Conversion, FloatBinary,
    FloatClass, FloatMode, FloatUnary, Half, Integer, Logic, MatrixElement, Outcome, Rounding, Scalar,
    ShuffleMode, Ternary, Unary, VoteMode, WordTernary,
};

/// Index of a row of registers, or of a predicate.
pub(crate) type Row = u32;

/// A predicate as an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub predicate: Row,
    pub negated: bool,
}

/// A register of either width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    Word(Row),
    Long(Row),
    /// `_`: the value is dropped.
    Sink,
}

/// An address: base and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub base: Register,
    pub offset: u64,
}

/// A state space of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressSpace {
    Generic,
    Global,
    Shared,
    Local,
    Parameter,
}

/// What one instruction does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    MoveWord {
        to: Row,
        from: Row,
    },
    MoveLong {
        to: Row,
        from: Row,
    },
    MovePredicate {
        to: Row,
        from: Condition,
    },
    PredicateLogic {
        logic: Logic,
        to: Row,
        a: Condition,
        b: Condition,
    },
    /// A word or long into parts, lowest first.
    Unpack {
        to: Vec<Register>,
        from: Register,
        part_bits: u32,
    },
    /// Parts, lowest first, into a word or long.
    Pack {
        to: Register,
        from: Vec<Row>,
        part_bits: u32,
    },
    Clock {
        to: Register,
    },

    IntegerUnary {
        operation: Unary,
        kind: Integer,
        to: Row,
        a: Row,
    },
    IntegerBinary {
        operation: Binary,
        kind: Integer,
        to: Row,
        a: Row,
        b: Row,
    },
    IntegerTernary {
        operation: Ternary,
        kind: Integer,
        to: Row,
        a: Row,
        b: Row,
        c: Row,
    },
    /// Shifts take the amount as a word, whatever the type.
    ShiftLeft {
        kind: Integer,
        to: Row,
        a: Row,
        amount: Row,
    },
    ShiftRight {
        kind: Integer,
        to: Row,
        a: Row,
        amount: Row,
    },
    /// Operands of 64 bits with a word as result (`popc.b64`, `clz.b64`, `bfind.u64`).
    LongToWord {
        operation: Unary,
        signed: bool,
        to: Row,
        a: Row,
    },
    /// `bfe` of 64 bits takes position and length as words.
    ExtractLong {
        signed: bool,
        to: Row,
        a: Row,
        position: Row,
        length: Row,
    },
    InsertBits {
        bits: u32,
        to: Register,
        field: Register,
        into: Register,
        position: Row,
        length: Row,
    },
    WordTernary {
        operation: WordTernary,
        to: Row,
        a: Row,
        b: Row,
        c: Row,
    },
    /// 16-bit operands, 32-bit product (and sum).
    WidenWord {
        signed: bool,
        to: Row,
        a: Row,
        b: Row,
        add: Option<Row>,
    },
    /// 32-bit operands, 64-bit product (and sum).
    WidenLong {
        signed: bool,
        to: Row,
        a: Row,
        b: Row,
        add: Option<Row>,
    },

    F32Unary {
        operation: FloatUnary,
        mode: FloatMode,
        approximate: bool,
        to: Row,
        a: Row,
    },
    F32Binary {
        operation: FloatBinary,
        mode: FloatMode,
        approximate: bool,
        to: Row,
        a: Row,
        b: Row,
    },
    F32MultiplyAdd {
        mode: FloatMode,
        to: Row,
        a: Row,
        b: Row,
        c: Row,
    },
    F32Class {
        class: FloatClass,
        to: Row,
        a: Row,
    },
    F64Unary {
        operation: FloatUnary,
        to: Row,
        a: Row,
    },
    F64Binary {
        operation: FloatBinary,
        to: Row,
        a: Row,
        b: Row,
    },
    F64MultiplyAdd {
        to: Row,
        a: Row,
        b: Row,
        c: Row,
    },
    HalfUnary {
        operation: FloatUnary,
        kind: Half,
        pair: bool,
        to: Row,
        a: Row,
    },
    HalfBinary {
        operation: FloatBinary,
        mode: FloatMode,
        kind: Half,
        pair: bool,
        to: Row,
        a: Row,
        b: Row,
    },
    HalfMultiplyAdd {
        mode: FloatMode,
        kind: Half,
        pair: bool,
        to: Row,
        a: Row,
        b: Row,
        c: Row,
    },

    Convert {
        conversion: Conversion,
        to: Register,
        from: Register,
    },
    /// Two f32 into a pair of halves; `high` goes into the upper one.
    ConvertPair {
        kind: Half,
        rounding: Rounding,
        relu: bool,
        to: Row,
        high: Row,
        low: Row,
    },
    CompareInteger {
        compare: Compare,
        kind: Integer,
        a: Row,
        b: Row,
    },
    CompareF32 {
        compare: Compare,
        a: Row,
        b: Row,
    },
    CompareF64 {
        compare: Compare,
        a: Row,
        b: Row,
    },
    CompareHalf {
        compare: Compare,
        kind: Half,
        a: Row,
        b: Row,
    },
    SelectWord {
        to: Row,
        a: Row,
        b: Row,
        condition: Condition,
    },
    SelectLong {
        to: Row,
        a: Row,
        b: Row,
        condition: Condition,
    },
    SelectPredicate {
        to: Row,
        a: Condition,
        b: Condition,
        condition: Condition,
    },
    /// Between the generic space and the one whose window begins at `window`.
    ConvertAddress {
        to: Row,
        from: Row,
        window: u64,
        generic: bool,
    },

    /// A parameter at an address known when parsed.
    LoadParameter {
        offset: usize,
        kind: Scalar,
        to: Register,
    },
    Load {
        space: AddressSpace,
        kind: Scalar,
        to: Vec<Register>,
        address: Address,
        strong: bool,
    },
    Store {
        space: AddressSpace,
        bytes: usize,
        from: Vec<Register>,
        address: Address,
        strong: bool,
    },
    Atomic {
        operation: AtomicOperation,
        kind: AtomicType,
        space: AddressSpace,
        to: Register,
        address: Address,
        value: Register,
        /// The new value of a compare-and-swap, whose `value` is what is compared.
        new: Register,
    },
    CopyAsync {
        to: Address,
        from: Address,
        bytes: usize,
        source_bytes: Option<Row>,
    },
    CopyCommit,
    /// Waits for all groups of copies but the latest so many.
    CopyWait {
        pending: u32,
    },
    /// Waits for all copies, committed or not.
    CopyWaitAll,
    Fence,

    Shuffle {
        mode: ShuffleMode,
        to: Register,
        valid: Option<Row>,
        from: Row,
        lane: Row,
        clamp: Row,
        members: Row,
    },
    Vote {
        mode: VoteMode,
        to: Row,
        condition: Condition,
        members: Row,
    },
    Ballot {
        to: Row,
        condition: Condition,
        members: Row,
    },
    /// A reduction over the lanes of a warp (`redux.sync`).
    Reduce {
        operation: Binary,
        kind: Integer,
        to: Row,
        from: Row,
        members: Row,
    },
    ActiveMask {
        to: Row,
    },
    WarpBarrier {
        members: Row,
    },
    /// `mma.sync` m16n8kK with f32 sums.
    MatrixMultiply {
        element: MatrixElement,
        depth: usize,
        to: Vec<Row>,
        a: Vec<Row>,
        b: Vec<Row>,
        c: Vec<Row>,
    },
    LoadMatrix {
        to: Vec<Row>,
        address: Address,
        transpose: bool,
    },

    Barrier {
        reduction: Option<(BarrierReduction, Condition)>,
    },
    Branch {
        target: u32,
    },
    Return,
    Trap,
}

impl Operation {
    /// The member mask of an operation that a warp does together: `None` for all others, a row where it has one.
    pub(crate) fn members(&self) -> Option<Members> {
        match self {
            Self::Shuffle { members, .. }
            | Self::Vote { members, .. }
            | Self::Ballot { members, .. }
            | Self::Reduce { members, .. }
            | Self::WarpBarrier { members } => Some(Members::Row(*members)),
            Self::MatrixMultiply { .. } | Self::LoadMatrix { .. } => Some(Members::Whole),
            _ => None,
        }
    }
}

/// Which lanes have to do a warp-wide operation together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    Row(Row),
    Whole,
}

/// An operation, and when it is done.
#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub operation: Operation,
    pub guard: Option<Condition>,
    /// Line of the PTX.
    pub line: u32,
    /// Index into the kernel's source lines, plus one; 0 if there is none.
    pub source: u32,
}
