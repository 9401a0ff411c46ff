//! From a graph under construction to a plan: passes, then planning.

use crate::error::Error;
use crate::graph::Graph;
use crate::passes;
use crate::plan::{Liberties, Plan, Tally, build};

/// Which passes run. All do unless switched off by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompileOptions {
    disabled: Vec<String>,
}

/// Planning steps that can be switched off like passes, though they change no graph.
const PLANNING: [&str; 2] = ["in-place", "memory-reuse"];

impl CompileOptions {
    /// All passes.
    pub fn new() -> CompileOptions {
        CompileOptions::default()
    }

    /// Switches a pass off, to bisect a wrong result.
    ///
    /// # Errors
    /// An unknown name; the message lists the passes.
    pub fn without(mut self, name: &str) -> Result<CompileOptions, Error> {
        let names = CompileOptions::pass_names();
        if !names.contains(&name) {
            let detail = format!("there is no such pass; the passes are {}", names.join(", "));
            return Err(Error::Name { kind: "pass", name: name.into(), detail });
        }
        self.disabled.push(name.into());
        Ok(self)
    }

    /// No pass at all: the plan follows the graph as it was built.
    pub fn none() -> CompileOptions {
        CompileOptions { disabled: CompileOptions::pass_names().into_iter().map(str::to_string).collect() }
    }

    /// Names of all passes, in the order they run.
    pub fn pass_names() -> Vec<&'static str> {
        passes::all().iter().map(|pass| pass.name()).chain(PLANNING).collect()
    }

    fn allows(&self, name: &str) -> bool {
        !self.disabled.iter().any(|disabled| disabled == name)
    }
}

impl Graph {
    /// Optimizes the graph and plans its execution. The graph keeps what the passes made of it.
    ///
    /// # Errors
    /// Whatever was recorded while the graph was built, and a graph that has neither output nor assignment.
    pub fn compile(&self, options: &CompileOptions) -> Result<Plan, Error> {
        self.check()?;
        let declared = self.input_names();
        let mut log = Vec::new();
        self.with_luminal_mut(|luminal| {
            for pass in passes::all().into_iter().filter(|pass| options.allows(pass.name())) {
                log.push((pass.name(), passes::run(&*pass, luminal)));
            }
        });
        let liberties =
            Liberties { in_place: options.allows(PLANNING[0]), reuse: options.allows(PLANNING[1]) };
        let (mut plan, tally) = self.with_luminal(|luminal| build(luminal, liberties));
        if plan.outputs.is_empty() && plan.states.is_empty() {
            return Err(Error::Executor(
                "the graph computes nothing: name an output, or assign a state".into(),
            ));
        }
        let used = |name: &String| plan.inputs.iter().any(|port| port.name == *name);
        plan.unused_inputs = declared.into_iter().filter(|name| !used(name)).collect();
        log.extend(planning_log(&plan, &tally, liberties));
        plan.passes = log;
        Ok(plan)
    }
}

fn planning_log(plan: &Plan, tally: &Tally, liberties: Liberties) -> Vec<(&'static str, String)> {
    let mut log = Vec::new();
    if liberties.in_place {
        let did = format!(
            "{} results over operands, {} states updated, {} copies",
            tally.in_place, tally.updated, tally.copies
        );
        log.push((PLANNING[0], did));
    }
    if liberties.reuse {
        let megabytes = |elements: usize| 4.0 * elements as f64 / 1e6;
        let did =
            format!("arena {:.1} MB instead of {:.1} MB", megabytes(plan.arena), megabytes(tally.unshared));
        log.push((PLANNING[1], did));
    }
    log
}
