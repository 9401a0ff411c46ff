//! What is done to images: the section `[views]`.

mod chances;

use equilayer_grammar::{Bound, Range};

use super::local_crops;
use crate::action::{Interpolation, SmoothFlow};
use crate::augment::{AugmentError, CenterCrop, Normalize, Pipeline, Step, presets};
use crate::config::Document;
use crate::encoder::EncoderConfig;
use crate::method::Method;
use crate::plugin::Crops;
use crate::train::views::ViewOptions;

const SHARE: Range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(1.0)) };

const DISPLACEMENT: Range =
    Range { lower: Some(Bound::Closed(0.0)), upper: Some(Bound::Closed(SmoothFlow::LARGEST)) };

/// Reads the section. The method goes on with as many local crops as it says.
pub(super) fn read(
    document: &Document,
    encoder: &dyn EncoderConfig,
    method: &mut Option<Method>,
) -> Option<ViewOptions> {
    let mut section = document.section("views");
    let ([image, _], grey) = (encoder.image(), encoder.channels() == 1);
    let doc = "Smallest share of an image's area that a view shows.";
    let smallest = section.number("smallest_crop", if grey { 0.4 } else { 0.08 }, SHARE, doc);
    let global = match global(image, smallest as f32, grey) {
        Ok(global) => global,
        Err(error) => {
            section.report("smallest_crop", &error.to_string());
            section.finish();
            return None;
        }
    };
    let global = chances::read(&mut section, global);
    let crops = method.as_ref().map_or(Crops::PAIR, |method| method.objective().views());
    let stride = encoder.stride().max(1);
    let (crops, local) = local_crops::read(&mut section, crops, image, stride, &global[1], grey);
    *method = method.take().map(|method| method.seeing(crops));
    let turned =
        section.read("turned", false, "Whether large crops are turned by quarter turns at random too.");
    let global = if turned { global.map(|view| view.clone().turning().unwrap_or(view)) } else { global };
    let largest = section.number(
        "displacement",
        SmoothFlow::default().largest(),
        DISPLACEMENT,
        "Largest displacement to a second frame, in sides, for regularizers whose action is one.",
    );
    section.finish();
    let plain = plain(image, global[0].normalize().clone()).ok()?;
    Some(ViewOptions { global, local, plain, flow: SmoothFlow::new(largest) })
}

/// The two views of an image.
fn global(image: usize, smallest: f32, grey: bool) -> Result<[Pipeline; 2], AugmentError> {
    if !grey {
        return presets::moco_v3(image, smallest);
    }
    let ([first, second], area) = (presets::digits(), [smallest, 1.0]);
    Ok([first.cropping(image, area)?, second.cropping(image, area)?])
}

/// The image as it is, in the encoder's size.
fn plain(image: usize, normalize: Normalize) -> Result<Pipeline, AugmentError> {
    let crop = CenterCrop { size: image, shorter_side: image, interpolation: Interpolation::Bilinear };
    Pipeline::new(vec![Step::CenterCrop(crop)], normalize)
}
