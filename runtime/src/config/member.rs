//! The section of a plugin: where it sits, with which weight, action, heads and knobs.

use equilayer_grammar::{Bound, Range, placement};

use super::section::Section;
use crate::action::KnownActions;
use crate::method::Member;
use crate::plugin::{
    BatchShare, Crop, Crops, KnobKind, KnobSpec, KnobValue, Layer, Mlp, PluginKind, Registry, Role, Tap,
    place_problem,
};
use crate::schedule::Schedule;

/// Shares of an image that a crop can have.
const CROP: Range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(1.0)) };

/// Reads the section of a member, key by key. Problems are left in the document.
pub(super) fn read_member(mut section: Section<'_>, registry: &Registry, mut member: Member) -> Member {
    let spec = member.spec().clone();
    member = read_place(&mut section, member);
    if spec.kind == PluginKind::Regularizer {
        member = read_share(&mut section, member);
    }
    if spec.takes_action() {
        member = read_action(&mut section, registry.actions(), member);
    }
    if spec.reads(Role::Pair) {
        let doc = "Small crops of each image that it compares two by two, beside the two large ones.";
        let local = section.count("local", member.views().local, 0, doc);
        let views = Crops { local, ..member.views() };
        member = member.seeing(views);
    }
    if let Some(crop) = member.crop() {
        member = member.cropping(read_crop(&mut section, crop));
    }
    if let Some(ema) = member.teacher().cloned() {
        let doc = "Momentum of the teacher: a number or a schedule in 0 to 1.";
        let momentum = section.checked("teacher", ema.momentum, doc, share);
        member = member.following(momentum);
    }
    for (name, head) in spec.heads() {
        member = read_head(&mut section, member, name, head);
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

fn read_place(section: &mut Section<'_>, member: Member) -> Member {
    let feature = member.spec().features().next().map(|(_, feature)| feature);
    let fits = |tap: &Tap| feature.and_then(|feature| place_problem(*tap, feature)).map_or(Ok(()), Err);
    let tap = read_tap(section, member.at(), fits);
    section.settle("at", &tap, "Where it sits; `layer = 3` moves it to layer 3.");
    member.placed(tap)
}

/// Weight and share of the batch.
fn read_share(section: &mut Section<'_>, mut member: Member) -> Member {
    let doc = "λ: a number or a schedule.";
    let weight = section.checked("weight", member.weight().clone(), doc, |weight: &Schedule| {
        placement::WEIGHT.check(f64::from(weight.bounds().0)).map_err(|why| placement::weight(&why))
    });
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
    member
}

fn read_action(section: &mut Section<'_>, known: &KnownActions, mut member: Member) -> Member {
    let declared = member.spec().action.clone();
    let read = |text: &str| match &declared {
        // Its factors need no name that configurations know.
        Some(action) if action.to_string() == text => Ok(action.clone()),
        _ => known.read(text),
    };
    if let Some(action) = section.phrase("action", read) {
        match member.clone().under(action) {
            Ok(changed) => member = changed,
            Err(message) => section.report("action", &message),
        }
    }
    if let Some(action) = &member.spec().action {
        section.settle("action", &action.to_string(), "What acts on images, and on their tokens.");
    }
    member
}

fn read_head(section: &mut Section<'_>, mut member: Member, name: &str, declared: &Mlp) -> Member {
    let spec = member.spec().clone();
    if let Some(head) = section.phrase(name, |text| Mlp::read(text, name, &spec.width_knobs())) {
        match member.clone().head(name, head) {
            Ok(changed) => member = changed,
            Err(message) => section.report(name, &message),
        }
    }
    let head = member.spec().heads().find(|(head, _)| *head == name).map_or(declared, |(_, head)| head);
    let doc = if head.ema { "Learned layers, and a teacher's copy." } else { "Learned layers." };
    section.settle(name, &head.to_string(), doc);
    member
}

fn read_crop(section: &mut Section<'_>, Crop { size, scale }: Crop) -> Crop {
    let doc = "Height and width of its crops, as a share of the image's.";
    let size = section.number("crop_side", size, CROP, doc);
    let doc = "Share of an image's area that its crops show, at least and at most.";
    let least = section.number("smallest_crop", scale.0, CROP, doc);
    let most = section.number("largest_crop", scale.1, CROP, doc);
    if least > most {
        let message = format!("{least} is more than `largest_crop`, {most}; exchange them");
        section.report("smallest_crop", &message);
    }
    Crop { size, scale: (least, most.max(least)) }
}

/// A schedule whose values are shares.
fn share(schedule: &Schedule) -> Result<(), String> {
    let (lowest, highest) = schedule.bounds();
    match lowest >= 0.0 && highest <= 1.0 {
        true => Ok(()),
        false => Err(format!("{schedule} is not within 0 to 1")),
    }
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
