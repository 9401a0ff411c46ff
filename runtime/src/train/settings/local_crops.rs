//! The small crops that only the student sees, as a configuration says.

use equilayer_grammar::{Bound, Range};

use crate::augment::{AugmentError, Pipeline, presets};
use crate::config::Section;
use crate::plugin::Crops;

const SHARE: Range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(1.0)) };

/// DINO's: sides in parts of the image's, and shares of its area (arXiv 2104.14294, section 3.1).
const SIDE: f64 = 96.0 / 224.0;
const AREA: [f64; 2] = [0.05, 0.4];

/// Reads the keys of local crops for an objective that compares `crops`, on square images of `image` pixels. `global` is
/// what crops of grey images are made as. The crops, and how local ones are made if there are any.
pub(super) fn read(
    section: &mut Section<'_>,
    crops: Crops,
    image: usize,
    stride: usize,
    global: &Pipeline,
    grey: bool,
) -> (Crops, Option<Pipeline>) {
    let local = section.count("local", crops.local, 0, "Small crops of each image, for the student alone.");
    let side = ((image as f64 * SIDE / stride as f64).round() as usize).max(1) * stride;
    let check = |&side: &usize| match side > 0 && side.is_multiple_of(stride) {
        true => Ok(()),
        false => Err(format!("{side} is no multiple of {stride}, the encoder's stride")),
    };
    let side = section.checked("local_image", side, "Height and width of small crops, pixels.", check);
    let [smallest, largest] = [("smallest_local", AREA[0]), ("largest_local", AREA[1])].map(|(key, area)| {
        section.number(key, area, SHARE, "Share of an image's area that a small crop shows.") as f32
    });
    if local == 0 {
        return (Crops { local, ..crops }, None);
    }
    match pipeline(side, [smallest, largest], global, grey) {
        Ok(pipeline) => (Crops { local, ..crops }, Some(pipeline)),
        Err(error) => {
            section.report("smallest_local", &error.to_string());
            (Crops { local, ..crops }, None)
        }
    }
}

fn pipeline(side: usize, area: [f32; 2], global: &Pipeline, grey: bool) -> Result<Pipeline, AugmentError> {
    match grey {
        true => global.clone().cropping(side, area),
        false => presets::dino([AREA[1] as f32, 1.0], area)?.local.cropping(side, area),
    }
}
