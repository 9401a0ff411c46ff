//! The sections of a method: which plugins, where, with which weights and knobs.
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
//! layer  = 6                        # or at = "cls(6)"
//! weight = 0.5                      # or a schedule
//! ```

use equilayer_grammar::placement;

use super::document::Document;
use super::error::Place;
use super::section::Section;
use crate::method::{Member, Method};
use crate::plugin::{
    BatchShare, KnobKind, KnobSpec, KnobValue, Layer, PluginKind, Registry, Tap, place_problem,
};
use crate::schedule::Schedule;

/// Reads `[method]` and the sections of its plugins. Problems are left in the document.
pub fn read_method(document: &Document, registry: &Registry, default: (&str, &[&str])) -> Option<Method> {
    let mut section = document.section("method");
    let objective = section.read("objective", default.0.to_owned(), "The invariance loss.");
    let regularizers =
        section.texts("regularizers", default.1, "Equivariance losses beside it: NAME, or NAME@TAP.");
    let place = section.place("objective");
    let mut members = Vec::new();
    match registry.find(PluginKind::Objective, &objective) {
        Ok(plugin) => members.push(read_member(document, Member::of(plugin), &objective)),
        Err(message) => section.report_at(&place, &message),
    }
    for (entry, place) in &regularizers {
        let (name, tap) = match entry.split_once('@') {
            Some((name, tap)) => (name, Some(tap)),
            None => (entry.as_str(), None),
        };
        match registry.find(PluginKind::Regularizer, name) {
            Ok(plugin) => {
                let member = at(Member::of(plugin), tap, &section, place);
                members.push(read_member(document, member, entry));
            }
            Err(message) => section.report_at(place, &message),
        }
    }
    section.finish();
    let mut members = members.into_iter();
    let objective = members.next().filter(|member| member.spec().kind == PluginKind::Objective)?;
    Some(members.fold(Method::of(objective), Method::with))
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

fn read_member(document: &Document, mut member: Member, name: &str) -> Member {
    let spec = member.spec().clone();
    let path =
        if name.contains(['.', '@']) { format!("method.\"{name}\"") } else { format!("method.{name}") };
    let mut section = document.section(&path);
    let feature = spec.features().next().map(|(_, feature)| feature);
    let fits = |tap: &Tap| feature.and_then(|feature| place_problem(*tap, feature)).map_or(Ok(()), Err);
    let mut tap = member.at();
    if let Some(layer) = section.shorthand::<usize>("layer") {
        let moved = Tap { layer: Layer::After(layer), ..tap };
        if let Err(problem) = fits(&moved) {
            section.report("layer", &problem);
        } else if section.has("at") {
            section.report("layer", "`layer` and `at` both say where it sits; keep one");
        } else {
            tap = moved;
        }
    }
    let tap = section.checked("at", tap, "Where it sits.", fits);
    member = member.placed(tap);
    if spec.kind == PluginKind::Regularizer {
        let weight = section.checked(
            "weight",
            member.weight().clone(),
            "λ: a number or a schedule.",
            |weight: &Schedule| {
                placement::WEIGHT.check(f64::from(weight.bounds().0)).map_err(|why| placement::weight(&why))
            },
        );
        member = member.weighted(weight);
        let share = match member.batch() {
            BatchShare::Whole => Some(1.0),
            BatchShare::Fraction(share) => Some(share),
            BatchShare::Own(_) => None,
        };
        if let Some(share) = share {
            let share = section.checked("batch", share, "Share of the batch it works on.", |share| {
                placement::BATCH_SHARE.check(*share).map_err(|why| placement::batch_share(&why))
            });
            member = member.on(share);
        }
    }
    if let Some(ema) = member.teacher().cloned() {
        let doc = "Momentum of the teacher: a number or a schedule in 0 to 1.";
        let momentum = section.checked("teacher", ema.momentum, doc, share);
        member = member.following(momentum);
    }
    for knob in spec.knobs() {
        let value = section.checked(&knob.name, knob.default.clone(), &doc(knob), |value| {
            knob.problem(&fitting(knob, value)).map_or(Ok(()), Err)
        });
        if let Ok(changed) = member.clone().knob(&knob.name, fitting(knob, &value)) {
            member = changed;
        }
    }
    section.finish();
    member
}

/// A schedule whose values are shares.
fn share(schedule: &Schedule) -> Result<(), String> {
    let (lowest, highest) = schedule.bounds();
    match lowest >= 0.0 && highest <= 1.0 {
        true => Ok(()),
        false => Err(format!("{schedule} is not within 0 to 1")),
    }
}

/// A whole number given for a knob that takes any.
fn fitting(knob: &KnobSpec, value: &KnobValue) -> KnobValue {
    match (&knob.kind, value) {
        (KnobKind::Number, KnobValue::Whole(whole)) => KnobValue::Number(*whole as f32),
        _ => value.clone(),
    }
}

fn doc(knob: &KnobSpec) -> String {
    format!("{} ({})", knob.doc, knob.accepts()).trim_start().into()
}
