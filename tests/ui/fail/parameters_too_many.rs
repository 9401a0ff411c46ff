#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = 1.0)] k0: f32, #[knob(default = 1.0)] k1: f32, #[knob(default = 1.0)] k2: f32, #[knob(default = 1.0)] k3: f32, #[knob(default = 1.0)] k4: f32, #[knob(default = 1.0)] k5: f32, #[knob(default = 1.0)] k6: f32, #[knob(default = 1.0)] k7: f32, #[knob(default = 1.0)] k8: f32, #[knob(default = 1.0)] k9: f32, #[knob(default = 1.0)] k10: f32, #[knob(default = 1.0)] k11: f32, #[knob(default = 1.0)] k12: f32, #[knob(default = 1.0)] k13: f32, #[knob(default = 1.0)] k14: f32, #[knob(default = 1.0)] k15: f32) -> Loss {
    Loss::default()
}

fn main() {}
