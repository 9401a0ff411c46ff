//! How often views are mirrored, recoloured, blurred and solarized.

use equilayer_grammar::{Bound, Range};

use crate::augment::{ColorJitter, GaussianBlur, Grayscale, HorizontalFlip, Pipeline, Solarize, Step};
use crate::config::Section;

const CHANCE: Range = Range { lower: Some(Bound::Closed(0.0)), upper: Some(Bound::Closed(1.0)) };

/// A key, the step that it is about, and which of the two views it is of.
struct Chance {
    key: &'static str,
    doc: &'static str,
    /// With its other values where a view has none yet: SimCLR's (arXiv 2002.05709, appendix A), BYOL's solarization.
    step: Step,
    views: &'static [usize],
}

fn chances() -> [Chance; 6] {
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, p: 0.0 };
    let blur = Step::GaussianBlur(GaussianBlur { sigma: [0.1, 2.0], p: 0.0 });
    let chance = |key, doc, step, views| Chance { key, doc, step, views };
    [
        chance(
            "flip",
            "Share of views that are mirrored.",
            Step::HorizontalFlip(HorizontalFlip { p: 0.0 }),
            &[0, 1],
        ),
        chance(
            "jitter",
            "Share of views whose brightness and colours are changed.",
            Step::ColorJitter(jitter),
            &[0, 1],
        ),
        chance("gray", "Share of views without colours.", Step::Grayscale(Grayscale { p: 0.0 }), &[0, 1]),
        chance("blur", "Share of first views that are blurred.", blur.clone(), &[0]),
        chance("blur_second", "Share of second views that are blurred.", blur, &[1]),
        chance(
            "solarize",
            "Share of second views whose bright pixels are inverted.",
            Step::Solarize(Solarize { threshold: 0.5, p: 0.0 }),
            &[1],
        ),
    ]
}

/// Reads the keys; the views as they say.
pub(super) fn read(section: &mut Section<'_>, views: [Pipeline; 2]) -> [Pipeline; 2] {
    let mut views = views;
    for Chance { key, doc, mut step, views: of } in chances() {
        let usual = views[of[0]].probability(step.name());
        // As it is written, so that 0.2 is not read as 0.20000000298.
        let usual = usual.to_string().parse().unwrap_or_default();
        let p = section.number(key, usual, CHANCE, doc) as f32;
        step.set_probability(p);
        for &view in of {
            match views[view].clone().happening(step.clone()) {
                Ok(changed) => views[view] = changed,
                Err(error) => section.report(key, &error.to_string()),
            }
        }
    }
    views
}
