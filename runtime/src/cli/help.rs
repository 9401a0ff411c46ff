//! The keys of a configuration, for `train --help`.

use std::fmt::Write;

use crate::plugin::{PluginKind, PluginSpec, Registry, Role};

/// All methods and their knobs.
pub fn keys(registry: &Registry) -> String {
    let mut text = String::from("Keys of the configuration, beside those that --dry-run prints:\n");
    for kind in [PluginKind::Objective, PluginKind::Regularizer] {
        for plugin in registry.of_kind(kind) {
            section(&mut text, plugin.spec());
        }
    }
    text
}

fn section(text: &mut String, spec: &PluginSpec) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n[method.{}]  {}", spec.name, spec.summary());
    if spec.kind == PluginKind::Regularizer {
        let _ = writeln!(text, "  at = \"{}\"  where it sits; or layer = NUMBER", spec.at);
        let _ = writeln!(text, "  weight = {}  λ, a number or a schedule", spec.weight);
        let _ = writeln!(text, "  batch = SHARE  of the batch that it works on");
    }
    if spec.reads(Role::Pair) {
        let _ = writeln!(text, "  local = {}  small crops that it compares, two by two", spec.views.local);
    }
    if let Some(crop) = &spec.crop {
        let _ = writeln!(text, "  crop_side = {:.3}  of its crops, as a share of the image's", crop.size);
        let (least, most) = crop.scale;
        let _ = writeln!(text, "  smallest_crop = {least}, largest_crop = {most}  shares of an image's area");
    }
    if let Some(teacher) = &spec.teacher {
        let _ = writeln!(text, "  teacher = {}  its momentum, a number or a schedule", teacher.momentum);
    }
    if let Some(action) = &spec.action {
        let _ = writeln!(text, "  action = \"{action}\"  what acts on images and tokens");
    }
    for (name, head) in spec.heads() {
        let _ = writeln!(text, "  {name} = \"{head}\"  learned layers");
    }
    for knob in spec.knobs() {
        let _ = writeln!(text, "  {} = {}  {} ({})", knob.name, knob.default, knob.doc, knob.accepts());
    }
}
