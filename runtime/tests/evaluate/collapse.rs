//! Signals of collapse.

use equilayer::evaluate::{
    EvaluateError, Features, alignment, collapse, feature_deviation, rank_me, uniformity,
};

use super::{assert_close, features, refusal};

#[test]
fn signals_are_numpys() -> Result<(), EvaluateError> {
    for (count, width, rank, deviation, spread, apart) in [
        (40, 7, 6.930487256084788, 0.9896791117271319, -2.871282319200584, 1.9661051684366018),
        (7, 40, 6.697908066106504, 0.9199950189501035, -3.945124663605909, 1.9743007182831396),
    ] {
        let found = collapse(&features(count, width, 0))?;
        assert_close(found.rank, rank, 1e-6);
        assert_close(found.deviation, deviation, 1e-6);
        assert_close(found.uniformity, spread, 1e-6);
        let distances = alignment(&features(count, width, 0), &features(count, width, 500))?;
        assert_close(distances.iter().sum::<f64>() / count as f64, apart, 1e-6);
    }
    Ok(())
}

#[test]
fn a_point_a_line_and_a_sphere_are_told_apart() -> Result<(), EvaluateError> {
    let point = Features::new([0.6, 0.0, -0.8].repeat(50), 3)?;
    assert_close(feature_deviation(&point), 0.0, 1e-6);
    assert_close(uniformity(&point)?, 0.0, 1e-6);
    // The Gram matrix's rounding leaves singular values of about 1e-8 of the first.
    assert_close(rank_me(&point)?, 1.0, 1e-5);
    // Both directions of one line: a deviation that looks healthy, and a rank that does not.
    let line: Vec<f32> =
        (0..50).flat_map(|i| [0.6, 0.0, -0.8].map(|x| if i % 2 == 0 { x } else { -x })).collect();
    let line = Features::new(line, 3)?;
    assert_close(feature_deviation(&line), 1.4 / 3f64.sqrt(), 1e-6);
    assert_close(rank_me(&line)?, 1.0, 1e-5);
    let axes = Features::new(vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3)?;
    assert_close(rank_me(&axes)?, 3.0, 1e-9);
    assert_close(uniformity(&axes)?, -4.0, 1e-6);
    assert_eq!(rank_me(&Features::new(vec![0.0; 12], 3)?)?, 0.0);
    Ok(())
}

#[test]
fn pieces_do_not_show() -> Result<(), EvaluateError> {
    // Orthogonal columns of one length, over more rows than a piece has.
    let values = (0..3000).flat_map(|row| (0..3).map(move |column| f32::from(u8::from(row % 3 == column))));
    assert_close(rank_me(&Features::new(values.collect(), 3)?)?, 3.0, 1e-9);
    Ok(())
}

#[test]
fn what_has_no_pairs_is_refused() {
    assert_eq!(
        refusal(uniformity(&features(1, 4, 0))),
        "pairs of samples: there are none; an evaluation needs at least one"
    );
    assert_eq!(
        refusal(alignment(&features(2, 4, 0), &features(3, 4, 0))),
        "numbers of samples differ: 2 and 3; both must come from the same encoder and images"
    );
}
