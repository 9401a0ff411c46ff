//! Plans for people: a table, and a drawing for Graphviz.

use std::fmt;

use super::{Operand, Place, Plan, Step};
use crate::ops::Op;

/// A plan prints as a table: kernel, shapes, work, where it writes, scope; then totals and what passes did.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>4}  {:<16} {:<44} {:>9} {:>9}  {:<14} scope",
            "step", "kernel", "shapes", "MFLOP", "MB", "writes"
        )?;
        for (index, step) in self.steps.iter().enumerate() {
            let (flops, bytes) = (step.cost.flops as f64 / 1e6, step.cost.bytes as f64 / 1e6);
            let writes =
                step.outputs.iter().map(|output| self.where_is(output)).collect::<Vec<_>>().join(" ");
            let scope = step.scope.as_deref().unwrap_or("");
            writeln!(
                f,
                "{index:>4}  {:<16} {:<44} {flops:>9.3} {bytes:>9.3}  {writes:<14} {scope}",
                step.kernel(),
                step.shapes()
            )?;
        }
        let cost = self.cost();
        writeln!(f, "total: {:.3} GFLOP, {:.3} GB moved", cost.flops as f64 / 1e9, cost.bytes as f64 / 1e9)?;
        let megabytes = |bytes: usize| bytes as f64 / 1e6;
        writeln!(
            f,
            "memory: arena {:.1} MB, state {:.1} MB, constants {:.1} MB",
            megabytes(self.arena_bytes()),
            megabytes(self.state_bytes()),
            megabytes(self.constant_bytes())
        )?;
        self.passes.iter().try_for_each(|(name, did)| writeln!(f, "pass {name}: {did}"))
    }
}

impl Plan {
    /// The plan in Graphviz's DOT language: kernels as boxes, buffers on the arrows.
    pub fn to_dot(&self) -> String {
        let mut lines = vec!["digraph plan {".to_string(), "  node [shape=box, fontname=monospace];".into()];
        let mut writer = vec![None; self.buffers.len()];
        for port in &self.inputs {
            lines.push(format!(
                "  \"in {0}\" [shape=ellipse, label=\"{0} {1}\"];",
                quote(&port.name),
                port.shape
            ));
            writer[port.buffer] = Some(format!("in {}", quote(&port.name)));
        }
        for (index, step) in self.steps.iter().enumerate() {
            let id = format!("s{index}");
            lines.push(format!("  \"{id}\" [label=\"{index} {}\\n{}\"];", step.kernel(), step.shapes()));
            for input in &step.inputs {
                let from = writer[input.buffer].clone().unwrap_or_else(|| self.where_is(input));
                lines.push(format!("  \"{from}\" -> \"{id}\" [label=\"{}\"];", input.layout.shape()));
            }
            step.outputs.iter().for_each(|output| writer[output.buffer] = Some(id.clone()));
        }
        for port in &self.outputs {
            let from = writer[port.buffer].clone().unwrap_or_default();
            lines.push(format!(
                "  \"out {0}\" [shape=ellipse, label=\"{0} {1}\"];",
                quote(&port.name),
                port.shape
            ));
            lines.push(format!("  \"{from}\" -> \"out {}\";", quote(&port.name)));
        }
        lines.push("}".into());
        lines.join("\n")
    }

    /// Where an operand lies, in words: an arena offset in elements, a state's name or a constant.
    fn where_is(&self, operand: &Operand) -> String {
        match self.buffers[operand.buffer].place {
            Place::Arena(offset) => format!("@{offset}"),
            Place::State(state) => quote(&self.states[state].name),
            Place::Constant(constant) => format!("constant {constant}"),
        }
    }
}

fn quote(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

impl Step {
    /// The kernel's name, with the number of operations of a fused program.
    pub fn kernel(&self) -> String {
        let name = self.op.as_operator().name();
        match &self.op {
            Op::Fused(fused) => format!("{name}({})", fused.program.operations()),
            Op::FusedContract(fused) => format!("{name}({})", fused.epilogue.operations()),
            _ => name.to_string(),
        }
    }

    /// Shapes of what the step reads and writes, the first four of each.
    pub fn shapes(&self) -> String {
        let list = |operands: &[Operand]| {
            let shown: Vec<String> =
                operands.iter().take(4).map(|operand| operand.layout.shape().to_string()).collect();
            let more = operands.len().saturating_sub(4);
            shown.join(" ") + &if more > 0 { format!(" +{more}") } else { String::new() }
        };
        format!("{} -> {}", list(&self.inputs), list(&self.outputs))
    }
}
