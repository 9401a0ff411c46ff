//! One kernel: parameters, registers, variables, labels and instructions.

use std::collections::HashMap;

use super::ParseError;
use super::cursor::Cursor;
use super::declaration::declaration;
use super::decode::{Decoded, decode};
use super::modifiers::{Modifiers, Type};
use super::operand::operands;
use super::scope::Scope;
use crate::module::{Kernel, LOCAL_BASE, Parameter, RED_ZONE, SharedVariable, SourceLine};
use crate::operation::{Condition, Instruction, Operation};

/// What a kernel sees of its module.
pub(super) struct Surroundings<'a> {
    pub symbols: HashMap<&'a str, u64>,
    /// Shared variables of the module.
    pub shared: Vec<SharedVariable>,
    pub shared_end: u64,
}

struct Body<'a> {
    scope: Scope<'a>,
    code: Vec<Instruction>,
    labels: HashMap<&'a str, u32>,
    /// Branches and the labels they name, which may come later.
    branches: Vec<(usize, &'a str)>,
    shared: Vec<SharedVariable>,
    shared_end: u64,
    local_end: u64,
    sources: Vec<SourceLine>,
    /// The file's number, the line and the column of what follows.
    source: Option<(u32, u32, u32)>,
}

/// Reads a kernel, from its name on.
pub(super) fn kernel<'a>(
    cursor: &mut Cursor<'a>,
    surroundings: &Surroundings<'a>,
) -> Result<Kernel, ParseError> {
    let name = cursor.advance().to_owned();
    let mut body = Body {
        scope: Scope::new(surroundings.symbols.clone()),
        code: Vec::new(),
        labels: HashMap::new(),
        branches: Vec::new(),
        shared: surroundings.shared.clone(),
        shared_end: surroundings.shared_end,
        local_end: LOCAL_BASE,
        sources: Vec::new(),
        source: None,
    };
    let (parameters, parameter_bytes) = body.parameters(cursor)?;
    let max_threads = attributes(cursor)?;
    body.statements(cursor)?;
    body.resolve_branches()?;
    Ok(Kernel {
        name,
        parameters,
        parameter_bytes,
        shared: body.shared,
        max_threads,
        registers: body.scope.plan,
        code: body.code,
        shared_end: body.shared_end,
        local_bytes: if body.local_end == LOCAL_BASE { 0 } else { body.local_end as usize },
        sources: body.sources,
    })
}

/// What stands between parameters and body; gives the most threads a block may have.
fn attributes(cursor: &mut Cursor<'_>) -> Result<Option<u32>, ParseError> {
    let mut max_threads = None;
    while cursor.peek() != "{" {
        match cursor.advance() {
            directive @ (".maxntid" | ".reqntid" | ".minnctapersm" | ".maxnreg" | ".maxnctapersm") => {
                let mut product = cursor.number()?;
                while cursor.take(",") {
                    product = product.saturating_mul(cursor.number()?);
                }
                if matches!(directive, ".maxntid" | ".reqntid") {
                    max_threads = Some(u32::try_from(product).unwrap_or(u32::MAX));
                }
            }
            ".pragma" => cursor.skip_past(";")?,
            word => return Err(cursor.error(format!("`{word}` is not known before a kernel's body"))),
        }
    }
    Ok(max_threads)
}

impl<'a> Body<'a> {
    fn parameters(&mut self, cursor: &mut Cursor<'a>) -> Result<(Vec<Parameter>, usize), ParseError> {
        let (mut parameters, mut end) = (Vec::new(), 0u64);
        if cursor.take("(") {
            while !cursor.take(")") {
                cursor.expect(".param")?;
                let declared = declaration(cursor)?;
                let offset = end.next_multiple_of(declared.align);
                self.scope.add_parameter(declared.name, offset);
                parameters.push(Parameter { offset: offset as usize, bytes: declared.bytes as usize });
                end = offset + declared.bytes;
                cursor.take(",");
            }
        }
        Ok((parameters, end as usize))
    }

    fn statements(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        cursor.expect("{")?;
        let mut depth = 1;
        while depth > 0 {
            match cursor.peek() {
                "" => return Err(cursor.error("the text ends inside a kernel")),
                "{" => {
                    depth += 1;
                    self.scope.open();
                    cursor.advance();
                }
                "}" => {
                    depth -= 1;
                    self.scope.close();
                    cursor.advance();
                }
                ";" => _ = cursor.advance(),
                ".reg" => self.registers(cursor)?,
                ".shared" => self.shared_variable(cursor)?,
                ".local" => self.local_variable(cursor)?,
                ".loc" => self.source_line(cursor)?,
                ".pragma" => cursor.skip_past(";")?,
                label if cursor.peek_after(1) == ":" => {
                    self.labels.insert(label, self.code.len() as u32);
                    cursor.advance();
                    cursor.advance();
                }
                _ => self.instruction(cursor)?,
            }
        }
        Ok(())
    }

    fn registers(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        cursor.advance();
        let word = cursor.advance();
        let kind = word
            .strip_prefix('.')
            .and_then(Type::parse)
            .ok_or_else(|| cursor.error(format!("`{word}` is no type of a register")))?;
        loop {
            let name = cursor.advance();
            if cursor.take("<") {
                for index in 0..cursor.number()? {
                    self.scope.declare(format!("{name}{index}"), kind);
                }
                cursor.expect(">")?;
            } else {
                self.scope.declare(name.to_owned(), kind);
            }
            if !cursor.take(",") {
                break;
            }
        }
        cursor.expect(";")
    }

    fn shared_variable(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        cursor.advance();
        let declared = declaration(cursor)?;
        let address = self.shared_end.next_multiple_of(declared.align.max(16));
        self.scope.add_symbol(declared.name, address);
        self.shared.push(SharedVariable { name: declared.name.to_owned(), address, bytes: declared.bytes });
        self.shared_end = address + declared.bytes + RED_ZONE;
        cursor.expect(";")
    }

    fn local_variable(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        cursor.advance();
        let declared = declaration(cursor)?;
        let address = self.local_end.next_multiple_of(declared.align);
        self.scope.add_symbol(declared.name, address);
        self.local_end = address + declared.bytes;
        cursor.expect(";")
    }

    /// `.loc file line column [, function_name label, inlined_at file line column]`: the innermost line counts.
    fn source_line(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        cursor.advance();
        let place = (cursor.number()? as u32, cursor.number()? as u32, cursor.number()? as u32);
        if cursor.take(",") {
            cursor.expect("function_name")?;
            cursor.advance();
            if cursor.take("+") {
                cursor.number()?;
            }
            cursor.expect(",")?;
            cursor.expect("inlined_at")?;
            for _ in 0..3 {
                cursor.number()?;
            }
        }
        self.source = Some(place);
        Ok(())
    }

    fn instruction(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        let line = cursor.line();
        self.scope.line = line;
        let guard = if cursor.take("@") {
            let negated = cursor.take("!");
            Some(Condition { predicate: self.scope.predicate_target(cursor.advance())?, negated })
        } else {
            None
        };
        let modifiers = Modifiers::new(cursor.advance(), line);
        let operands = operands(cursor)?;
        let operation = match decode(&mut self.scope, modifiers, &operands)? {
            Decoded::Operation(operation) => operation,
            Decoded::Branch(label) => {
                self.branches.push((self.code.len(), label));
                Operation::Branch { target: 0 }
            }
            Decoded::Nothing => return Ok(()),
        };
        let source = self.current_source();
        self.code.push(Instruction { operation, guard, line, source });
        Ok(())
    }

    fn current_source(&mut self) -> u32 {
        let Some((file, line, column)) = self.source else { return 0 };
        let source = SourceLine { file: file.to_string(), line, column };
        if self.sources.last() != Some(&source) {
            self.sources.push(source);
        }
        self.sources.len() as u32
    }

    fn resolve_branches(&mut self) -> Result<(), ParseError> {
        // Falling off the end of the text is as good as returning.
        let line = self.code.last().map_or(0, |last| last.line);
        self.code.push(Instruction { operation: Operation::Return, guard: None, line, source: 0 });
        for (index, label) in &self.branches {
            let instruction = &mut self.code[*index];
            let target = *self
                .labels
                .get(label)
                .ok_or_else(|| ParseError::new(instruction.line, format!("there is no label `{label}`")))?;
            instruction.operation = Operation::Branch { target };
        }
        Ok(())
    }
}
