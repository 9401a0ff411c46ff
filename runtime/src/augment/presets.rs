//! The pipelines of published methods, and one for the bundled digits.

use super::{
    AugmentError, ColorJitter, GaussianBlur, Grayscale, HorizontalFlip, Normalize, Pipeline,
    RandomResizedCrop, Solarize, Step,
};
use crate::action::Interpolation;

/// MoCo v3's two views, BYOL's asymmetric ones, of ImageNet-like images: the first always blurred, the
/// second rarely and sometimes solarized. Boxes have at least `smallest_crop` of the area: 0.08 for ViTs, 0.2 for
/// ResNet-50. Chen, Xie, He, "An empirical study of training self-supervised vision transformers", 2021.
///
/// # Errors
/// When the size or the smallest crop is out of its range.
pub fn moco_v3(size: usize, smallest_crop: f32) -> Result<[Pipeline; 2], AugmentError> {
    let crop = RandomResizedCrop::new(size, [smallest_crop, 1.0]);
    Ok([photometric(crop, 1.0, 0.0)?, photometric(crop, 0.1, 0.2)?])
}

/// DINO's views: two global ones of 224 pixels, and the local one, of 96 pixels, to be drawn as often as wanted. Caron and others, "Emerging properties in self-supervised vision transformers",
/// 2021.
#[derive(Clone, Debug)]
pub struct Dino {
    /// What the teacher sees.
    pub global: [Pipeline; 2],
    /// What only the student sees.
    pub local: Pipeline,
}

/// DINO's pipelines; the published areas are (0.4, 1) of global views and (0.05, 0.4) of local ones, and (0.14, 1) or
/// (0.25, 1) of global ones without local ones.
///
/// # Errors
/// When a range of areas is none.
pub fn dino(global_scale: [f32; 2], local_scale: [f32; 2]) -> Result<Dino, AugmentError> {
    let bicubic = |size, scale| RandomResizedCrop {
        interpolation: Interpolation::Bicubic,
        ..RandomResizedCrop::new(size, scale)
    };
    let global = bicubic(224, global_scale);
    Ok(Dino {
        global: [photometric(global, 1.0, 0.0)?, photometric(global, 0.1, 0.2)?],
        local: photometric(bicubic(96, local_scale), 0.5, 0.0)?,
    })
}

/// Two views of 28×28 grey digits: a box of at least 0.4 of the area, brightness and contrast, a light blur. No flip:
/// a mirrored digit is another sign.
pub fn digits() -> [Pipeline; 2] {
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.0, hue: 0.0, p: 0.8 };
    let view = || {
        let steps = vec![
            Step::RandomResizedCrop(RandomResizedCrop::new(28, [0.4, 1.0])),
            Step::ColorJitter(jitter),
            Step::GaussianBlur(GaussianBlur { sigma: [0.1, 1.0], p: 0.5 }),
        ];
        // The mean and standard deviation of MNIST's training split.
        Pipeline::new(steps, Normalize::gray(0.1307, 0.3081)).expect("constants within their ranges")
    };
    [view(), view()]
}

/// A crop, a flip, SimCLR's colours, then blur and solarization with these probabilities.
fn photometric(crop: RandomResizedCrop, blur: f32, solarize: f32) -> Result<Pipeline, AugmentError> {
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, p: 0.8 };
    let mut steps = vec![
        Step::RandomResizedCrop(crop),
        Step::HorizontalFlip(HorizontalFlip { p: 0.5 }),
        Step::ColorJitter(jitter),
        Step::Grayscale(Grayscale { p: 0.2 }),
        Step::GaussianBlur(GaussianBlur { sigma: [0.1, 2.0], p: blur }),
    ];
    if solarize > 0.0 {
        steps.push(Step::Solarize(Solarize { threshold: 0.5, p: solarize }));
    }
    Pipeline::new(steps, Normalize::imagenet())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Draw;
    use crate::data::Image;

    #[test]
    fn views_have_their_sizes() {
        let image = Image::new(3, 40, 50, vec![128; 6000]).unwrap();
        let dino = dino([0.4, 1.0], [0.05, 0.4]).unwrap();
        let [first, second] = moco_v3(32, 0.08).unwrap();
        let cases = [(first, 32), (second, 32), (dino.global[0].clone(), 224), (dino.local, 96)];
        for (pipeline, size) in cases {
            assert_eq!(pipeline.size(), Some(size));
            assert_eq!(pipeline.apply(&image, &Draw::new(1, &[])).0.len(), 3 * size * size);
        }
        assert_eq!(digits()[0].apply(&image, &Draw::new(1, &[])).0.len(), 28 * 28);
    }

    #[test]
    fn only_the_second_view_of_moco_v3_is_solarized() {
        let [first, second] = moco_v3(224, 0.08).unwrap();
        let share = |pipeline: &Pipeline| {
            let drawn = (0..1000).map(|key| pipeline.draw([375, 500], &Draw::new(1, &[key])));
            let drawn: Vec<_> = drawn.collect();
            let count =
                |has: fn(&crate::augment::Parameters) -> bool| drawn.iter().filter(|p| has(p)).count();
            [count(|p| p.sigma.is_some()), count(|p| p.solarize.is_some()), count(|p| p.flipped)]
        };
        let [blurred, solarized, flipped] = share(&first);
        assert_eq!((blurred, solarized), (1000, 0));
        assert!((420..580).contains(&flipped), "{flipped}");
        let [blurred, solarized, _] = share(&second);
        assert!((50..150).contains(&blurred) && (135..265).contains(&solarized), "{blurred}, {solarized}");
    }

    #[test]
    fn refuses_crops_out_of_range() {
        assert!(
            moco_v3(224, 1.5)
                .unwrap_err()
                .to_string()
                .starts_with("random_resized_crop: scale is [1.5, 1.0]")
        );
        assert!(moco_v3(0, 0.08).unwrap_err().to_string().starts_with("random_resized_crop: size is 0"));
        assert!(dino([0.4, 1.0], [0.0, 0.4]).is_err());
    }
}
