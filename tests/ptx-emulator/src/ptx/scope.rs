//! The names of a kernel, and the rows of registers they stand for.

use std::collections::HashMap;

use super::ParseError;
use super::cursor::number;
use super::modifiers::Type;
use super::operand::Operand;
use crate::module::{RegisterPlan, Special};
use crate::operation::{Address, Condition, Register, Row};

/// The predicate that is true in every lane.
const ALWAYS: Condition = Condition { predicate: 0, negated: false };

#[derive(Clone, Copy, Debug)]
enum Name {
    Register(Register),
    Predicate(Row),
}

/// Scopes of registers from the outermost in, symbols with addresses, and the rows given out.
pub(super) struct Scope<'a> {
    registers: Vec<HashMap<String, Name>>,
    symbols: HashMap<&'a str, u64>,
    parameters: HashMap<&'a str, u64>,
    pub plan: RegisterPlan,
    word_constants: HashMap<u32, Row>,
    long_constants: HashMap<u64, Row>,
    specials: HashMap<Special, Row>,
    /// Line of the instruction being read, for messages.
    pub line: u32,
}

impl<'a> Scope<'a> {
    pub fn new(symbols: HashMap<&'a str, u64>) -> Self {
        Self {
            registers: vec![HashMap::new()],
            symbols,
            parameters: HashMap::new(),
            plan: RegisterPlan { predicates: 1, ..RegisterPlan::default() },
            word_constants: HashMap::new(),
            long_constants: HashMap::new(),
            specials: HashMap::new(),
            line: 0,
        }
    }

    pub fn open(&mut self) {
        self.registers.push(HashMap::new());
    }

    pub fn close(&mut self) {
        self.registers.pop();
    }

    pub fn add_symbol(&mut self, name: &'a str, address: u64) {
        self.symbols.insert(name, address);
    }

    pub fn add_parameter(&mut self, name: &'a str, offset: u64) {
        self.parameters.insert(name, offset);
    }

    pub fn parameter(&self, name: &str) -> Option<u64> {
        self.parameters.get(name).copied()
    }

    pub fn declare(&mut self, name: String, kind: Type) {
        let row = |count: &mut u32| {
            *count += 1;
            *count - 1
        };
        let register = match kind {
            Type::Predicate => Name::Predicate(row(&mut self.plan.predicates)),
            _ if kind.bytes() == 8 => Name::Register(Register::Long(row(&mut self.plan.longs))),
            _ => Name::Register(Register::Word(row(&mut self.plan.words))),
        };
        if let Some(innermost) = self.registers.last_mut() {
            innermost.insert(name, register);
        }
    }

    fn find(&self, name: &str) -> Option<Name> {
        self.registers.iter().rev().find_map(|scope| scope.get(name).copied())
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.line, message)
    }

    fn word_constant(&mut self, value: u32) -> Row {
        *self.word_constants.entry(value).or_insert_with(|| {
            self.plan.words += 1;
            self.plan.word_constants.push((self.plan.words - 1, value));
            self.plan.words - 1
        })
    }

    fn long_constant(&mut self, value: u64) -> Row {
        *self.long_constants.entry(value).or_insert_with(|| {
            self.plan.longs += 1;
            self.plan.long_constants.push((self.plan.longs - 1, value));
            self.plan.longs - 1
        })
    }

    fn special(&mut self, special: Special) -> Row {
        *self.specials.entry(special).or_insert_with(|| {
            self.plan.words += 1;
            self.plan.specials.push((self.plan.words - 1, special));
            self.plan.words - 1
        })
    }

    /// A value that is known now: a literal or an address of a variable.
    pub fn constant(&self, operand: &Operand<'a>) -> Option<u64> {
        match operand {
            Operand::Number(value) => Some(*value),
            Operand::Name("WARP_SZ") => Some(32),
            Operand::Name("true") => Some(1),
            Operand::Name("false") => Some(0),
            Operand::Name(name) => self.symbols.get(name).or(self.parameters.get(name)).copied(),
            _ => None,
        }
    }

    pub fn require_constant(&self, operand: &Operand<'a>) -> Result<u64, ParseError> {
        self.constant(operand).ok_or_else(|| self.error(format!("{operand:?} has to be a constant")))
    }

    /// A source of 32 bits or less.
    pub fn word(&mut self, operand: &Operand<'a>) -> Result<Row, ParseError> {
        match self.source(operand, 4)? {
            Register::Word(row) => Ok(row),
            _ => Err(self.error(format!("{operand:?} has 64 bits where 32 are read"))),
        }
    }

    /// A source of 16 bits: of a literal, only those count.
    pub fn short(&mut self, operand: &Operand<'a>) -> Result<Row, ParseError> {
        match self.constant(operand) {
            Some(value) => Ok(self.word_constant(value as u32 & 0xffff)),
            None => self.word(operand),
        }
    }

    /// A source of 64 bits.
    pub fn long(&mut self, operand: &Operand<'a>) -> Result<Row, ParseError> {
        match self.source(operand, 8)? {
            Register::Long(row) => Ok(row),
            _ => Err(self.error(format!("{operand:?} has 32 bits where 64 are read"))),
        }
    }

    /// A source; a literal becomes as wide as `bytes` says.
    pub fn source(&mut self, operand: &Operand<'a>, bytes: usize) -> Result<Register, ParseError> {
        if let Operand::Name(name) = operand {
            match self.find(name) {
                Some(Name::Register(register)) => return Ok(register),
                Some(Name::Predicate(_)) => return Err(self.error(format!("`{name}` is a predicate"))),
                None => {}
            }
            if let Some(special) = special_register(name) {
                return Ok(Register::Word(self.special(special)));
            }
        }
        let value = self.constant(operand).ok_or_else(|| self.error(format!("{operand:?} is not known")))?;
        Ok(if bytes == 8 {
            Register::Long(self.long_constant(value))
        } else {
            let mask = if bytes == 4 { u64::from(u32::MAX) } else { (1 << (8 * bytes)) - 1 };
            Register::Word(self.word_constant((value & mask) as u32))
        })
    }

    /// A register to be written, of either width.
    pub fn target(&self, operand: &Operand<'a>) -> Result<Register, ParseError> {
        match operand {
            Operand::Sink => Ok(Register::Sink),
            Operand::Name(name) => match self.find(name) {
                Some(Name::Register(register)) => Ok(register),
                _ => Err(self.error(format!("`{name}` is no register that can be written here"))),
            },
            other => Err(self.error(format!("{other:?} cannot be written"))),
        }
    }

    pub fn word_target(&self, operand: &Operand<'a>) -> Result<Row, ParseError> {
        match self.target(operand)? {
            Register::Word(row) => Ok(row),
            _ => Err(self.error(format!("{operand:?} is no register of 32 bits"))),
        }
    }

    pub fn long_target(&self, operand: &Operand<'a>) -> Result<Row, ParseError> {
        match self.target(operand)? {
            Register::Long(row) => Ok(row),
            _ => Err(self.error(format!("{operand:?} is no register of 64 bits"))),
        }
    }

    /// A predicate to be written.
    pub fn predicate_target(&self, name: &str) -> Result<Row, ParseError> {
        match self.find(name) {
            Some(Name::Predicate(row)) => Ok(row),
            _ => Err(self.error(format!("`{name}` is no predicate"))),
        }
    }

    /// A predicate to be read.
    pub fn condition(&self, operand: &Operand<'a>) -> Result<Condition, ParseError> {
        let (name, negated) = match operand {
            Operand::Name(name) => (name, false),
            Operand::Not(name) => (name, true),
            Operand::Number(value) => return Ok(Condition { negated: *value == 0, ..ALWAYS }),
            other => return Err(self.error(format!("{other:?} is no predicate"))),
        };
        match self.constant(operand) {
            Some(value) => Ok(Condition { negated: value == 0, ..ALWAYS }),
            None => Ok(Condition { predicate: self.predicate_target(name)?, negated }),
        }
    }

    pub fn address(&mut self, operand: &Operand<'a>) -> Result<Address, ParseError> {
        let Operand::Address { base, offset } = operand else {
            return Err(self.error(format!("{operand:?} is no address")));
        };
        if let Some(Name::Register(base)) = self.find(base) {
            return Ok(Address { base, offset: *offset });
        }
        let known = self.symbols.get(base).or(self.parameters.get(base)).copied().or_else(|| number(base));
        let start = known.ok_or_else(|| self.error(format!("`{base}` is not known")))?;
        Ok(Address { base: Register::Long(self.long_constant(start)), offset: *offset })
    }
}

fn special_register(name: &str) -> Option<Special> {
    let (register, axis) = name.split_once('.').unwrap_or((name, "x"));
    let axis = ["x", "y", "z"].iter().position(|known| *known == axis)? as u8;
    Some(match register {
        "%tid" => Special::Thread(axis),
        "%ntid" => Special::BlockSize(axis),
        "%ctaid" => Special::Block(axis),
        "%nctaid" => Special::GridSize(axis),
        "%laneid" => Special::Lane,
        "%warpid" => Special::Warp,
        "%nwarpid" => Special::WarpCount,
        "%lanemask_eq" => Special::LaneMaskEqual,
        "%lanemask_lt" => Special::LaneMaskLess,
        "%lanemask_le" => Special::LaneMaskLessEqual,
        "%lanemask_gt" => Special::LaneMaskGreater,
        "%lanemask_ge" => Special::LaneMaskGreaterEqual,
        "%dynamic_smem_size" => Special::DynamicSharedBytes,
        _ => return None,
    })
}
