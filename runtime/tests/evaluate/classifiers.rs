//! Neighbours and linear probes.

use equilayer::data::{LabelledImages, Split, digits};
use equilayer::evaluate::{
    EvaluateError, Features, KnnOptions, LinearProbe, ProbeOptions, knn, linear_probe,
};

use super::{assert_close, features, refusal, wave};

/// Three classes that a linear classifier separates in part.
const CLASSES: [u32; 60] = [
    2, 0, 1, 2, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1,
    1, 2, 2, 1, 1, 0, 1, 2, 0, 2, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 2, 0, 2,
];

fn test_set() -> Result<Features, EvaluateError> {
    features(30, 4, 1000).labelled(vec![1; 30], 3)
}

fn raw_digits(split: Split, count: usize) -> Result<Features, EvaluateError> {
    let set: LabelledImages = digits(split);
    let pixels = set.pixels().iter().take(784 * count).map(|&byte| f32::from(byte) / 255.0);
    let labels = set.labels().iter().take(count).map(|&label| u32::from(label));
    Features::new(pixels.collect(), 784)?.labelled(labels.collect(), 10)
}

#[test]
fn neighbours_vote_as_in_numpy() -> Result<(), EvaluateError> {
    let train = features(60, 4, 0).labelled((0..60).map(|i| (i * 7 / 3) % 3).collect(), 3)?;
    let options = KnnOptions { neighbours: vec![1, 5, 20], temperature: 0.07 };
    let results = knn(&train, &test_set()?, &options)?;
    let expected: [[u32; 30]; 3] = [
        [2, 1, 0, 0, 1, 1, 1, 2, 0, 0, 2, 2, 1, 0, 0, 0, 1, 1, 0, 0, 2, 0, 1, 0, 0, 1, 1, 0, 0, 0],
        [2, 1, 1, 0, 1, 1, 1, 2, 0, 0, 2, 2, 1, 0, 0, 2, 1, 1, 0, 0, 2, 0, 2, 0, 2, 1, 2, 0, 0, 0],
        [2, 1, 1, 0, 1, 1, 1, 2, 0, 0, 2, 2, 1, 0, 0, 2, 2, 1, 0, 0, 2, 0, 2, 0, 2, 1, 2, 0, 0, 0],
    ];
    for ((result, expected), k) in results.iter().zip(&expected).zip([1, 5, 20]) {
        assert_eq!((result.k, result.predictions.predicted()), (k, &expected[..]));
    }
    // All test samples are of class 1, of which the second row predicts 9.
    assert_close(results[1].predictions.accuracy(), 9.0 / 30.0, 1e-12);
    assert_eq!(results[1].predictions.per_class(), [None, Some(9.0 / 30.0), None]);
    Ok(())
}

#[test]
fn blocks_do_not_show() -> Result<(), EvaluateError> {
    let (count, queries, width) = (4100, 260, 3); // more than a block on either side
    let train = features(count, width, 0).labelled((0..count as u32).collect(), count)?;
    let last = train.rows().next_back().map(<[f32]>::to_vec).unwrap_or_default();
    let test = [last, wave((queries - 1) * width, 50_000)].concat();
    let test = Features::new(test, width)?.labelled(vec![0; queries], count)?;
    let options = KnnOptions { neighbours: vec![1], ..KnnOptions::default() };
    let found = &knn(&train, &test, &options)?[0];
    assert_eq!(found.predictions.predicted()[0], 4099, "the first query is the last training sample");
    for (query, &nearest) in test.rows().zip(found.predictions.predicted()) {
        let cosine = |row: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            dot(row, query) / (dot(row, row) * dot(query, query)).sqrt()
        };
        let best = train.rows().map(cosine).fold(-1.0, f64::max);
        // In f32, neighbours this near cannot be told apart.
        assert_close(cosine(train.rows().nth(nearest as usize).expect("a training sample")), best, 1e-6);
    }
    Ok(())
}

#[test]
fn equal_neighbours_count_in_their_order() -> Result<(), EvaluateError> {
    // Three copies of one sample, of classes 2, 1, 1: the first alone for k = 1, the majority for k = 3.
    let train = Features::new([1.0, 2.0].repeat(3), 2)?.labelled(vec![2, 1, 1], 3);
    let train = Features::new([train?.values(), &[-1.0, 0.0]].concat(), 2)?.labelled(vec![2, 1, 1, 0], 3)?;
    let test = Features::new(vec![2.0, 4.0], 2)?.labelled(vec![1], 3)?;
    let options = KnnOptions { neighbours: vec![1, 2, 3], ..KnnOptions::default() };
    let found = knn(&train, &test, &options)?;
    // For k = 2, classes 1 and 2 have one vote each: the lower.
    assert_eq!(found.iter().map(|result| result.predictions.predicted()[0]).collect::<Vec<_>>(), [2, 1, 1]);
    Ok(())
}

#[test]
fn a_full_batch_probe_is_numpys() -> Result<(), EvaluateError> {
    let train = features(60, 4, 0).labelled(CLASSES.to_vec(), 3)?;
    let test = features(3000, 4, 1000).labelled(vec![1; 3000], 3)?;
    for (rate, epochs, expected) in [(1.0, 10, [858, 2142, 0]), (10.0, 40, [1108, 1519, 373])] {
        let options = ProbeOptions { learning_rates: vec![rate], epochs, ..ProbeOptions::default() };
        let found = linear_probe(&train, &test, &options)?;
        for (class, expected) in (0..).zip(expected) {
            let predicted = found.predictions.predicted().iter().filter(|&&other| other == class).count();
            // In f32 a sample may lie on the other side of a boundary; with a schedule that ends at a tenth of the way
            // up its cosine, fifteen do.
            assert!(predicted.abs_diff(expected) <= 2, "class {class}: {predicted}, not {expected}");
        }
    }
    Ok(())
}

#[test]
fn held_out_samples_are_not_trained_on() -> Result<(), EvaluateError> {
    // More features than samples: any labels can be learned, and these say nothing of each other.
    let train = features(60, 200, 0).labelled(CLASSES.to_vec(), 3)?;
    let options =
        ProbeOptions { learning_rates: vec![10.0], epochs: 100, held_out: 0.5, ..ProbeOptions::default() };
    let probe = LinearProbe::fit(&train, &options)?;
    assert_close(probe.test(&train)?.predictions.accuracy(), 1.0, 1e-12);
    let held_out = probe.test(&train)?.held_out[0];
    assert!(held_out < 0.75, "{held_out}");
    Ok(())
}

#[test]
fn heads_side_by_side_are_trained_as_if_alone() -> Result<(), EvaluateError> {
    let (train, test) = (raw_digits(Split::Train, 1000)?, raw_digits(Split::Test, 10)?);
    let alone = |rate: f64| {
        let options = ProbeOptions { learning_rates: vec![rate], epochs: 2, ..ProbeOptions::default() };
        Ok::<f64, EvaluateError>(linear_probe(&train, &test, &options)?.held_out[0])
    };
    let options =
        ProbeOptions { learning_rates: vec![0.01, 1.0, 30.0], epochs: 2, ..ProbeOptions::default() };
    let together = linear_probe(&train, &test, &options)?;
    assert_eq!(together.held_out, [alone(0.01)?, alone(1.0)?, alone(30.0)?]);
    assert!(together.held_out.windows(2).any(|pair| pair[0] != pair[1]), "the rates cannot be told apart");
    let best = together.held_out.iter().copied().fold(0.0, f64::max);
    let chosen = options.learning_rates.iter().position(|&rate| rate == together.learning_rate);
    assert_eq!(chosen.map(|index| together.held_out[index]), Some(best));
    Ok(())
}

#[test]
fn raw_pixels_of_the_digits_give_the_known_baseline() -> Result<(), EvaluateError> {
    let (train, test) = (raw_digits(Split::Train, 8000)?, raw_digits(Split::Test, 2000)?);
    let options = ProbeOptions { epochs: 10, ..ProbeOptions::default() };
    let found = linear_probe(&train, &test, &options)?;
    // 88 to 91 % with other optimizers; ten passes leave a margin either way.
    let accuracy = found.predictions.accuracy();
    assert!((0.88..0.93).contains(&accuracy), "{accuracy}");
    assert_eq!(found, linear_probe(&train, &test, &options)?, "the same seed gives the same bits");
    Ok(())
}

#[test]
fn a_probe_does_not_see_scale_or_shift() -> Result<(), EvaluateError> {
    let (train, test) = (raw_digits(Split::Train, 600)?, raw_digits(Split::Test, 200)?);
    let options = ProbeOptions { epochs: 5, ..ProbeOptions::default() };
    let plain = LinearProbe::fit(&train, &options)?;
    let scaled = |features: &Features| -> Result<Features, EvaluateError> {
        let values = features.values().iter().map(|value| 1024.0 * value + 512.0).collect();
        Features::new(values, 784)
    };
    let labels = train.labels().expect("labelled").of.to_vec();
    let moved = LinearProbe::fit(&scaled(&train)?.labelled(labels, 10)?, &options)?;
    let (a, b) = (plain.predict(&test)?, moved.predict(&scaled(&test)?)?);
    let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
    assert!(same >= 199, "{same} of 200 predictions are the same");
    Ok(())
}

#[test]
fn what_cannot_be_classified_is_refused() -> Result<(), EvaluateError> {
    let train = features(60, 4, 0).labelled(CLASSES.to_vec(), 3)?;
    let test = test_set()?;
    let neighbours = |k| KnnOptions { neighbours: vec![k], ..KnnOptions::default() };
    assert_eq!(
        refusal(knn(&train, &test, &neighbours(61))),
        "kNN: 61 neighbours of 60 training samples; k must be 1 to 60"
    );
    assert_eq!(
        refusal(knn(&train, &features(30, 4, 0), &neighbours(1))),
        "kNN needs labels, and the test features have none; add them with `Features::labelled`"
    );
    let cold = KnnOptions { temperature: 0.0, ..neighbours(1) };
    assert_eq!(refusal(knn(&train, &test, &cold)), "kNN temperature is 0; it must be above 0");
    let gap = features(60, 4, 0).labelled(CLASSES.to_vec(), 5)?;
    assert_eq!(
        refusal(linear_probe(&gap, &test, &ProbeOptions::default())),
        "linear probe: class 3 of 5 has no sample among the training features; number the classes without gaps, or \
         take a split that holds each of them"
    );
    let wide = features(30, 5, 0).labelled(vec![0; 30], 3)?;
    assert_eq!(
        refusal(knn(&train, &wide, &neighbours(1))),
        "feature widths differ: 4 and 5; both must come from the same encoder and images"
    );
    let hot = ProbeOptions { learning_rates: vec![1.0, -3.0], ..ProbeOptions::default() };
    assert_eq!(
        refusal(linear_probe(&train, &test, &hot)),
        "linear probe learning rate is -3; it must be above 0"
    );
    Ok(())
}

#[test]
fn features_that_are_none_are_refused() {
    let mut broken = wave(8, 0);
    broken[5] = f32::NAN;
    assert_eq!(
        refusal(Features::new(broken, 4)),
        "features: the value at index 1 of row 1 is NaN; the encoder diverged or its input is broken, so measure an \
         earlier checkpoint"
    );
    assert_eq!(
        refusal(Features::new(wave(7, 0), 4)),
        "features: 7 values do not fill the shape [1, 4], which takes 4"
    );
    assert_eq!(
        refusal(Features::new(Vec::new(), 4)),
        "features: there are none; an evaluation needs at least one"
    );
    assert_eq!(
        refusal(features(2, 4, 0).labelled(vec![0, 3], 3)),
        "sample 1 has the label 3, but there are 3 classes, 0 to 2"
    );
    assert_eq!(
        refusal(features(2, 4, 0).labelled(vec![0], 3)),
        "1 labels do not belong to 2 samples; take both from the same split, in one order"
    );
}
