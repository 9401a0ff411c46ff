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

use equilayer_grammar::{Bound, Range, placement};

use super::document::Document;
use super::error::Place;
use super::section::Section;
use crate::method::{Member, Method};
use crate::plugin::{
    BatchShare, Crop, Crops, KnobKind, KnobSpec, KnobValue, Layer, PluginKind, Registry, Role, Tap,
    place_problem,
};
use crate::schedule::Schedule;

/// Shares of an image that a crop can have.
const CROP: Range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(1.0)) };

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
    // Who takes a plugin out by an override, or misspells its name, has not made a second mistake in its section.
    let overridden = section.is_override("objective") || section.is_override("regularizers");
    if overridden || members.len() <= regularizers.len() {
        for plugin in registry.plugins() {
            document.pass_over(&section_path(&plugin.spec().name));
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
    let mut section = document.section(&section_path(name));
    let feature = spec.features().next().map(|(_, feature)| feature);
    let fits = |tap: &Tap| feature.and_then(|feature| place_problem(*tap, feature)).map_or(Ok(()), Err);
    let tap = read_tap(&mut section, member.at(), fits);
    section.settle("at", &tap, "Where it sits; `layer = 3` moves it to layer 3.");
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
    if spec.reads(Role::Pair) {
        let doc = "Small crops of each image that it compares two by two, beside the two large ones.";
        let local = section.count("local", member.views().local, 0, doc);
        let views = Crops { local, ..member.views() };
        member = member.seeing(views);
    }
    if let Some(crop) = member.crop() {
        let Crop { size, scale } = crop;
        let doc = "Height and width of its crops, as a share of the image's.";
        let size = section.number("crop_side", size, CROP, doc);
        let doc = "Share of an image's area that its crops show, at least and at most.";
        let least = section.number("smallest_crop", scale.0, CROP, doc);
        let most = section.number("largest_crop", scale.1, CROP, doc);
        if least > most {
            section.report(
                "smallest_crop",
                &format!("{least} is more than `largest_crop`, {most}; exchange them"),
            );
        }
        member = member.cropping(Crop { size, scale: (least, most.max(least)) });
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

fn section_path(name: &str) -> String {
    if name.contains(['.', '@']) { format!("method.\"{name}\"") } else { format!("method.{name}") }
}

/// Where `at` or `layer` puts a member. Both say the same, so an override of one replaces the other.
fn read_tap(section: &mut Section<'_>, default: Tap, fits: impl Fn(&Tap) -> Result<(), String>) -> Tap {
    let moved = |layer: usize| Tap { layer: Layer::After(layer), ..default };
    let layer = section.given("layer", |&layer| fits(&moved(layer)));
    let at = section.given("at", &fits);
    let (by_layer, by_at) = (section.is_override("layer"), section.is_override("at"));
    match (layer, at) {
        (Some(_), Some(_)) if by_layer == by_at => {
            section.report("layer", "`layer` and `at` both say where it sits; keep one");
            default
        }
        (Some(layer), None) => moved(layer),
        (Some(layer), Some(at)) if by_layer => Tap { layer: Layer::After(layer), ..at },
        (_, at) => at.unwrap_or(default),
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
