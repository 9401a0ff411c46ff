//! The sections of a method: which plugins, where, with which weights, actions, heads and knobs.
//!
//! ```toml
//! [method]
//! objective    = "moco_v3"
//! regularizers = ["ser"]            # several places of one: ["ser", "ser@tokens(6)"]
//!
//! [method.moco_v3]
//! temperature = 0.2
//!
//! [method.ser]
//! layer   = 6                       # or at = "cls(6)"
//! weight  = 0.5                     # or a schedule
//! action  = "Rot90.per_batch() * HFlip"
//! project = "mlp(512, gelu, 512)"   # a head, by its name
//! ```
//!
//! A section of a plugin that is no part of the method changes nothing, and so is a mistake, unless the plugin was taken
//! out on the command line. What is in it is checked in any case.

use equilayer_grammar::methods;

use super::document::Document;
use super::error::Place;
use super::member::read_member;
use super::section::Section;
use crate::encoder::EncoderConfig;
use crate::method::{Choice, Member, Method, Problem};
use crate::plugin::{PluginKind, Registry, Tap};

/// Reads `[method]` and the sections of its plugins. Problems are left in the document.
pub fn read_method(document: &Document, registry: &Registry, default: (&str, &[&str])) -> Option<Method> {
    let mut section = document.section("method");
    let objective = section.read("objective", default.0.to_owned(), "The invariance loss.");
    let regularizers =
        section.texts("regularizers", default.1, "Equivariance losses beside it: NAME, or NAME@TAP.");
    let place = section.place("objective");
    let mut members = Vec::new();
    match registry.find(PluginKind::Objective, &objective) {
        Ok(plugin) => members.push(member(document, registry, Member::of(plugin), &objective)),
        Err(message) => section.report_at(&place, &message),
    }
    for (entry, place) in &regularizers {
        let (name, tap) = match entry.split_once('@') {
            Some((name, tap)) => (name, Some(tap)),
            None => (entry.as_str(), None),
        };
        match registry.find(PluginKind::Regularizer, name) {
            Ok(plugin) => {
                let placed = at(Member::of(plugin), tap, &section, place);
                members.push(member(document, registry, placed, entry));
            }
            Err(message) => section.report_at(place, &message),
        }
    }
    let used: Vec<&str> = regularizers.iter().map(|(entry, _)| entry.as_str()).chain([&*objective]).collect();
    let misspelt = members.len() < used.len();
    check_unused(document, registry, &section, &used, misspelt);
    section.finish();
    let mut members = members.into_iter();
    let objective = members.next().filter(|member| member.spec().kind == PluginKind::Objective)?;
    Some(members.fold(Method::of(objective), Method::with))
}

/// Reports what only an encoder and a batch can decide, each problem at the key that is to blame. Where none of those that
/// could be is written, the problem is left for the run to report; so is that of an encoder which is none, whoever reads it
/// says that.
pub fn report_problems(document: &Document, method: &Method, encoder: &dyn EncoderConfig, batch: usize) {
    if encoder.check().is_err() {
        return;
    }
    for problem in method.located_problems(encoder, batch) {
        let keys = keys_to_blame(&problem);
        if let Some(place) = document.place_of_first(keys.iter().map(String::as_str)) {
            document.report(problem.to_string(), &place);
        }
    }
}

/// The keys that make a choice, first those that make it for one member alone.
fn keys_to_blame(problem: &Problem) -> Vec<String> {
    let (own, shared): (&[&str], &[&str]) = match problem.choice {
        Choice::Place => (&["layer", "at"], &["encoder.depth", "encoder.cls_after"]),
        Choice::Batch => (&["batch"], &["train.batch"]),
        Choice::Member => (&[], &[]),
    };
    // A section is that of one place of a plugin, or that of its only one.
    let member = problem.member.as_deref().unwrap_or_default();
    let sections = [Some(member), member.split_once('@').map(|(plugin, _)| plugin)];
    let sections = sections.into_iter().flatten().map(section_path);
    let own = sections.flat_map(|section| own.iter().map(move |key| format!("{section}.{key}")));
    let shared = shared.iter().chain(&["method.regularizers", "method.objective"]);
    own.chain(shared.map(|key| (*key).to_owned())).collect()
}

fn member(document: &Document, registry: &Registry, member: Member, name: &str) -> Member {
    read_member(document.section(&section_path(name)), registry, member)
}

fn at(member: Member, tap: Option<&str>, section: &Section<'_>, place: &Place) -> Member {
    match tap.map(str::parse::<Tap>) {
        None => member,
        Some(Ok(tap)) => member.placed(tap),
        Some(Err(message)) => {
            section.report_at(place, &message);
            member
        }
    }
}

/// Checks the sections of plugins that are no part of the method, and reports those that are there in vain.
fn check_unused(
    document: &Document,
    registry: &Registry,
    section: &Section<'_>,
    used: &[&str],
    misspelt: bool,
) {
    let overridden = section.is_override("objective") || section.is_override("regularizers");
    for name in section.tables() {
        let plugin_name = name.split('@').next().unwrap_or_default();
        let found = registry.plugins().iter().find(|plugin| plugin.spec().name == plugin_name);
        let path = section_path(name);
        let is_used = used.contains(&name);
        let Some(plugin) = found else {
            let own = document.unused_section(&path);
            // A name that is misspelt where it is used has been reported there.
            if !is_used {
                let names = registry.plugins().iter().map(|plugin| plugin.spec().name.as_str());
                own.report("", &equilayer_grammar::unknown("section", plugin_name, names));
            }
            continue;
        };
        if is_used {
            continue;
        }
        read_member(document.unused_section(&path), registry, Member::of(plugin));
        // Who misspells a name has not made a second mistake in its section. Who takes a plugin out on the command line
        // need not change the file; but what is said of it there is said in vain.
        if !misspelt {
            let message = methods::unused(name, plugin.spec().kind == PluginKind::Objective);
            document.unused_section(&path).report_written(&message, overridden);
        }
    }
}

fn section_path(name: &str) -> String {
    if name.contains(['.', '@']) { format!("method.\"{name}\"") } else { format!("method.{name}") }
}
