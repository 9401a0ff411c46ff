use super::*;
use crate::augment::{CropBox, presets};
use JitterPart::{Brightness, Contrast, Hue, Saturation};

/// A view of the lower right of a 100×200 image, flipped, with everything applied.
fn a() -> Parameters {
    Parameters {
        crop: CropBox { source: [100, 200], top: 50.0, left: 120.0, height: 50.0, width: 60.0 },
        flipped: true,
        turns: 1,
        jitter: Some(Jitter {
            brightness: 1.2,
            contrast: 0.8,
            saturation: 1.1,
            hue: -0.05,
            order: [Hue, Brightness, Saturation, Contrast],
            strength: [0.4, 0.4, 0.2, 0.1],
        }),
        gray: true,
        sigma: Some(1.5),
        solarize: Some(0.5),
        own: Vec::new(),
    }
}

fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6);
    assert!(near, "{found:?} is not {expected:?}");
}

#[test]
fn augself_targets_by_hand() {
    let b = Parameters::identity([100, 200]);
    let targets = augself_targets(&a(), &b);
    // a's centre is at y = 0.5 + 0.25 and x = 0.6 + 0.15, mirrored 0.25; its sides are 0.5 and 0.3.
    assert_near(&targets.crop, &[0.25, -0.25, -0.5, -0.7]);
    assert_near(&targets.color, &[0.5, -0.5, 0.5, -0.5]);
    assert_near(&[targets.flip, targets.blur, targets.solarize], &[0.0, 1.5, -0.5]);
    assert_eq!(targets.turn, 1);

    let back = augself_targets(&b, &a());
    assert_eq!(back.turn, 3);
    assert_near(&back.crop, &targets.crop.map(|difference| -difference));
    assert_near(&back.color, &targets.color.map(|difference| -difference));
    assert_near(&[back.flip, back.blur, back.solarize], &[0.0, -1.5, 0.5]);

    let same = augself_targets(&a(), &a());
    assert_eq!((same.crop, same.color, same.flip), ([0.0; 4], [0.0; 4], 1.0));
}

#[test]
fn a_part_without_strength_has_no_target() {
    let mut still = a();
    still.jitter.iter_mut().for_each(|jitter| jitter.strength[1] = 0.0);
    assert_eq!(augself_targets(&still, &Parameters::identity([100, 200])).color[1], 0.0);
}

#[test]
fn equimod_vectors_by_hand() {
    assert_near(
        &equimod_vector(&a()),
        &[0.5, 0.6, 0.5, 0.3, 1.0, 1.0, 3.0, 0.0, 2.0, 1.0, 1.2, 0.8, 1.1, -0.05, 1.0, 1.0, 1.5, 1.0],
    );
    assert_near(
        &equimod_vector(&Parameters::identity([100, 200])),
        &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    );
}

#[test]
fn standardized_vectors_have_mean_0_and_deviation_1() {
    let pipelines = presets::moco_v3(224, 0.08).unwrap();
    let standardization = Standardization::of(&pipelines, [375, 500]);
    assert_eq!(standardization, Standardization::of(&pipelines, [375, 500]));
    // Other draws than those it was measured on: 4,000, so means vary by 0.016 and deviations little more.
    let draws = (0..4000).map(|key| pipelines[key % 2].draw([375, 500], &Draw::new(99, &[key as u64])));
    let vectors: Vec<[f32; 18]> = draws.map(|drawn| standardization.apply(equimod_vector(&drawn))).collect();
    for component in 0..18 {
        let values = vectors.iter().map(|vector| f64::from(vector[component]));
        let mean = values.clone().sum::<f64>() / 4000.0;
        let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / 4000.0).sqrt();
        let name = EQUIMOD_COMPONENTS[component];
        assert!(
            mean.abs() < 0.1 && (deviation - 1.0).abs() < 0.1,
            "{name}: mean {mean}, deviation {deviation}"
        );
    }
}

#[test]
fn what_never_changes_is_zero() {
    let standardization = Standardization::of(&presets::digits(), [28, 28]);
    let identity = standardization.apply(equimod_vector(&Parameters::identity([28, 28])));
    let still = |name: &str| identity[EQUIMOD_COMPONENTS.iter().position(|found| *found == name).unwrap()];
    assert_eq!([still("flipped"), still("gray"), still("solarized"), still("hue")], [0.0; 4]);
}
