//! The meaning of an instruction: opcode, modifiers and operands → [`Operation`].

mod compare;
mod convert;
mod float;
mod half;
mod integer;
mod matrix;
mod memory;
mod moves;
mod warp;

use super::ParseError;
use super::modifiers::Modifiers;
use super::operand::Operand;
use super::scope::Scope;
use crate::operation::Operation;

/// What became of an instruction.
pub(super) enum Decoded<'a> {
    Operation(Operation),
    /// A branch to a label that may come later.
    Branch(&'a str),
    /// It does nothing that shows: hints to caches and schedulers.
    Nothing,
}

/// One instruction on its way: what is left of its modifiers, its operands, and the names they mean.
struct Decoder<'s, 'a> {
    scope: &'s mut Scope<'a>,
    modifiers: Modifiers<'a>,
    operands: &'s [Operand<'a>],
}

pub(super) fn decode<'a>(
    scope: &mut Scope<'a>,
    modifiers: Modifiers<'a>,
    operands: &[Operand<'a>],
) -> Result<Decoded<'a>, ParseError> {
    let mut decoder = Decoder { scope, modifiers, operands };
    let opcode = decoder.modifiers.opcode;
    let operation = match opcode {
        "bra" => return decoder.branch(),
        "prefetch" | "prefetchu" | "nanosleep" => return Ok(Decoded::Nothing),
        "ret" | "exit" => {
            decoder.modifiers.ignore(&["uni"]);
            Operation::Return
        }
        "trap" => Operation::Trap,
        "mov" => decoder.mov()?,
        "cvta" => decoder.convert_address()?,
        "cvt" => decoder.convert()?,
        "setp" | "set" => decoder.compare()?,
        "selp" => decoder.select()?,
        "ld" | "ldu" => decoder.load()?,
        "st" => decoder.store()?,
        "atom" | "red" => decoder.atomic()?,
        "cp" => decoder.copy()?,
        "membar" | "fence" => decoder.fence()?,
        "bar" | "barrier" => decoder.barrier()?,
        "shfl" => decoder.shuffle()?,
        "vote" => decoder.vote()?,
        "redux" => decoder.reduce()?,
        "activemask" => decoder.active_mask()?,
        "mma" => decoder.matrix_multiply()?,
        "ldmatrix" => decoder.load_matrix()?,
        "ex2" | "lg2" | "sin" | "cos" | "rcp" | "rsqrt" | "sqrt" | "tanh" => decoder.float_function()?,
        "copysign" => decoder.copy_sign()?,
        "testp" => decoder.float_class()?,
        "fma" => decoder.multiply_add()?,
        "and" | "or" | "xor" | "not" => decoder.logic()?,
        "shl" | "shr" => decoder.shift()?,
        "shf" | "prmt" | "lop3" => decoder.word_ternary()?,
        "bfe" | "bfi" => decoder.bit_field()?,
        "popc" | "clz" | "brev" | "bfind" => decoder.bit_count()?,
        "add" | "sub" | "mul" | "mad" | "div" | "rem" | "min" | "max" | "abs" | "neg" => {
            decoder.arithmetic()?
        }
        _ => return Err(decoder.modifiers.unsupported("the emulator does not know this opcode")),
    };
    decoder.modifiers.finish()?;
    Ok(Decoded::Operation(operation))
}

impl<'a> Decoder<'_, 'a> {
    /// # Errors
    /// If there are not exactly so many operands.
    fn expect_operands(&self, count: usize) -> Result<(), ParseError> {
        if self.operands.len() == count {
            return Ok(());
        }
        Err(self.modifiers.unsupported(&format!("{count} operands expected, {} found", self.operands.len())))
    }

    fn branch(mut self) -> Result<Decoded<'a>, ParseError> {
        self.modifiers.ignore(&["uni"]);
        self.modifiers.finish()?;
        match self.operands {
            [Operand::Name(label)] => Ok(Decoded::Branch(label)),
            _ => Err(self.modifiers.unsupported("a label expected")),
        }
    }
}
