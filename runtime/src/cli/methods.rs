//! `methods` and `explain`.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::DEFAULT_METHOD;
use super::failure::Failure;
use crate::plugin::{ArgumentKind, BatchShare, PluginKind, PluginSpec, Registry};
use crate::program::ProgramError;
use crate::program::cost::{CostCounter, PluginCost, SETTING};

/// A plugin and what it costs; nothing where it cannot be counted.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    spec: &'a PluginSpec,
    cost: Option<PluginCost>,
}

/// Lists all plugins.
pub fn list(registry: &Registry, json: bool) -> Result<ExitCode, Failure> {
    let mut counter = counter(registry);
    let all: Vec<Explained<'_>> = registry
        .plugins()
        .iter()
        .map(|plugin| Explained { spec: plugin.spec(), cost: counter.count(plugin).ok() })
        .collect();
    if json {
        return print_json(&all);
    }
    let mut text = String::new();
    for (kind, title) in [(PluginKind::Objective, "objectives"), (PluginKind::Regularizer, "regularizers")] {
        let _ = writeln!(text, "{title:<34} cost");
        for Explained { spec, cost } in all.iter().filter(|explained| explained.spec.kind == kind) {
            let place =
                if kind == PluginKind::Regularizer { format!("at {}", spec.at) } else { String::new() };
            let cost = cost.as_ref().map_or("-".into(), |cost| format!("{:.4}", cost.relative));
            let _ = writeln!(text, "  {:<18} {place:<13} {cost:<7} {}", spec.name, spec.summary());
        }
    }
    let _ = writeln!(text, "\ncost: FLOPs of {SETTING}, over those of");
    let bases: BTreeSet<&str> = all.iter().filter_map(|one| Some(one.cost.as_ref()?.base.as_str())).collect();
    let _ = writeln!(
        text,
        "{}",
        bases.into_iter().map(|base| format!("  {base}")).collect::<Vec<_>>().join("\n")
    );
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Regularizers are counted beside the objective of a configuration that names none.
fn counter(registry: &Registry) -> CostCounter {
    CostCounter::beside(registry.find(PluginKind::Objective, DEFAULT_METHOD.0).ok().cloned())
}

/// Prints the JSON Schema of a configuration's methods.
pub fn schema(registry: &Registry) -> Result<ExitCode, Failure> {
    print_json(&crate::config::schema(registry))
}

/// Prints one plugin.
pub fn explain(registry: &Registry, name: &str, json: bool) -> Result<ExitCode, Failure> {
    let found = registry.plugins().iter().find(|plugin| plugin.spec().name == name);
    let Some(plugin) = found else {
        let names = registry.plugins().iter().map(|plugin| plugin.spec().name.as_str());
        return Err(Failure::mistake(equilayer_grammar::unknown("method", name, names)));
    };
    let cost = counter(registry).count(plugin);
    if json {
        return print_json(&Explained { spec: plugin.spec(), cost: cost.ok() });
    }
    print!("{}\n{}", describe(plugin.spec()), describe_cost(cost));
    Ok(ExitCode::SUCCESS)
}

fn print_json(value: &impl Serialize) -> Result<ExitCode, Failure> {
    println!("{}", serde_json::to_string_pretty(value).map_err(Failure::fault)?);
    Ok(ExitCode::SUCCESS)
}

fn describe(spec: &PluginSpec) -> String {
    let mut text = format!("{} ({})\n\n{}\n\n", spec.name, spec.kind.name(), spec.doc);
    let mut row = |key: &str, value: &str| {
        let _ = writeln!(text, "{key:<10} {value}");
    };
    row("at", &spec.at.to_string());
    if let Some(action) = &spec.action {
        row("action", &action.to_string());
    }
    match spec.batch {
        BatchShare::Whole => {}
        BatchShare::Fraction(share) => row("batch", &format!("{share} of it")),
        BatchShare::Own(images) => row("batch", &format!("{images} images of its own")),
    }
    if spec.kind == PluginKind::Regularizer {
        row("weight", &spec.weight.to_string());
    }
    if let Some(teacher) = &spec.teacher {
        row("teacher", &format!("moving average, momentum {}", teacher.momentum));
    }
    for argument in &spec.arguments {
        match &argument.kind {
            ArgumentKind::Head(head) => row("head", &format!("{}: {head}", argument.name)),
            ArgumentKind::Knob(knob) => {
                row("knob", &format!("{} = {} ({}) {}", knob.name, knob.default, knob.accepts(), knob.doc));
            }
            ArgumentKind::Feature { role, feature } => {
                row("reads", &format!("{}: {role:?} of {}", argument.name, feature.name()));
            }
            _ => row("asks", &argument.name),
        }
    }
    text
}

/// What a plugin costs, by part of the step, or why that cannot be counted.
fn describe_cost(cost: Result<PluginCost, ProgramError>) -> String {
    let cost = match cost {
        Ok(cost) => cost,
        Err(error) => return format!("cost in {SETTING}: not counted\n{error}\n"),
    };
    let mut text = format!("cost of {SETTING}, {}, counted from its plan\n", cost.method);
    let mut parts: Vec<(&str, u64)> =
        cost.parts.iter().map(|(part, flops)| (part.as_str(), *flops)).collect();
    parts.sort_by_key(|(_, flops)| Reverse(*flops));
    for (part, flops) in parts.into_iter().chain([("all", cost.flops)]) {
        let share = 100.0 * flops as f64 / cost.flops as f64;
        let _ = writeln!(text, "  {part:<20} {:>12.3} GFLOP {share:>8.3} %", flops as f64 / 1e9);
    }
    let _ = writeln!(text, "  {:.4} of {}", cost.relative, cost.base);
    text
}
