//! `methods` and `explain`.

use std::fmt::Write;
use std::process::ExitCode;

use super::failure::Failure;
use crate::plugin::{ArgumentKind, BatchShare, PluginKind, PluginSpec, Registry};

/// Lists all plugins.
pub fn list(registry: &Registry, json: bool) -> Result<ExitCode, Failure> {
    let specs: Vec<&PluginSpec> = registry.plugins().iter().map(|plugin| plugin.spec()).collect();
    if json {
        return print_json(&specs);
    }
    let mut text = String::new();
    for (kind, title) in [(PluginKind::Objective, "objectives"), (PluginKind::Regularizer, "regularizers")] {
        let _ = writeln!(text, "{title}");
        for spec in specs.iter().filter(|spec| spec.kind == kind) {
            let place =
                if kind == PluginKind::Regularizer { format!("at {}", spec.at) } else { String::new() };
            let _ = writeln!(text, "  {:<18} {:<14} {}", spec.name, place, spec.summary());
        }
    }
    print!("{text}");
    Ok(ExitCode::SUCCESS)
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
    if json {
        return print_json(plugin.spec());
    }
    print!("{}", describe(plugin.spec()));
    Ok(ExitCode::SUCCESS)
}

fn print_json(value: &impl serde::Serialize) -> Result<ExitCode, Failure> {
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
