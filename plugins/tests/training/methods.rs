//! What methods need of data and views is reachable from a configuration.

use equilayer::metrics;

use super::runs::{Run, Workplace};

/// What a run of two epochs with these changes measured at its last step.
fn trained(run: &Run, changes: &[&str]) -> std::collections::BTreeMap<String, f64> {
    trained_for(2, run, changes)
}

fn trained_for(epochs: usize, run: &Run, changes: &[&str]) -> std::collections::BTreeMap<String, f64> {
    let epochs = format!("train.epochs={epochs}");
    let changes: Vec<&str> = changes.iter().copied().chain([epochs.as_str()]).collect();
    run.train(&changes).succeeded();
    let records = metrics::read(run.metrics()).unwrap();
    let losses = |values: &std::collections::BTreeMap<String, f64>| values.contains_key("loss");
    records.into_iter().rfind(|record| losses(&record.values)).unwrap().values
}

#[test]
fn flow_equivariance_learns_from_displacements_that_were_applied() {
    let place = Workplace::new();
    let method = [
        "method.objective=byol",
        "method.regularizers=[\"flow_equivariance\"]",
        "method.byol.hidden=16",
        "method.byol.out=8",
        "method.flow_equivariance.hidden=16",
        "method.flow_equivariance.out=8",
        "method.flow_equivariance.batch=0.5",
    ];
    let moved = |name: &str, displacement: &str| {
        let displacement = format!("views.displacement={displacement}");
        let changes: Vec<&str> = method.into_iter().chain([displacement.as_str()]).collect();
        trained(&place.run(name), &changes)
    };
    let (far, near) = (moved("far", "0.3"), moved("near", "0"));
    for values in [&far, &near] {
        let loss = values["loss/flow_equivariance"];
        assert!(loss.is_finite() && loss > 0.0 && values["gradient/flow_equivariance"] > 0.0, "{values:?}");
    }
    assert_ne!(far["loss/flow_equivariance"], near["loss/flow_equivariance"]);
}

#[test]
fn ser_learns_from_small_crops_too() {
    let place = Workplace::new();
    let multi_crop = [
        "method.objective=dino",
        "method.dino.hidden=16",
        "method.dino.bottleneck=8",
        "method.dino.prototypes=12",
        "views.local=4",
        "views.local_image=16",
    ];
    let with = |name: &str, local: &str| {
        let local = format!("method.ser.local={local}");
        let changes: Vec<&str> = multi_crop.into_iter().chain([local.as_str()]).collect();
        trained(&place.run(name), &changes)["loss/ser"]
    };
    let (all, large) = (with("all", "4"), with("large", "0"));
    // Three pairs are summed.
    assert!(all > 2.0 * large && all < 4.0 * large, "{all} and {large}");
}

/// AugSelf predicts the turns of views that are turned: in batches, and in those that are not it has nothing to tell.
#[test]
fn augself_predicts_turns() {
    let place = Workplace::new();
    let rotation = [
        "method.regularizers=[\"augself\"]",
        "method.augself.crop_weight=0",
        "method.augself.color_weight=0",
        "method.augself.rotation_weight=1",
        "optim.lr=1e-2",
    ];
    let with = |name: &str, turned: &str| {
        let turned = format!("views.turned={turned}");
        let changes: Vec<&str> = rotation.into_iter().chain([turned.as_str()]).collect();
        trained(&place.run(name), &changes)["loss/augself"]
    };
    let (turned, upright) = (with("turned", "true"), with("upright", "false"));
    // Four classes cost ln 4 = 1.39 to guess; one class alone is soon learned.
    assert!(turned > 0.7 && upright < 0.5 * turned, "{turned} and {upright}");
}

/// And how bright pixels are inverted, in views that are solarized: where none is there is nothing to tell.
#[test]
fn augself_predicts_solarization() {
    let place = Workplace::new();
    let solarization = [
        "method.regularizers=[\"augself\"]",
        "method.augself.crop_weight=0",
        "method.augself.color_weight=0",
        "method.augself.solarize_weight=1",
        "optim.lr=1e-2",
    ];
    let with = |name: &str, solarize: &str| {
        let solarize = format!("views.solarize={solarize}");
        let changes: Vec<&str> = solarization.into_iter().chain([solarize.as_str()]).collect();
        trained_for(30, &place.run(name), &changes)["loss/augself"]
    };
    let (half, none) = (with("half", "0.5"), with("none", "0"));
    // Where thresholds differ by 0.5 or not at all there is something to tell; one value alone is soon learned.
    assert!(half > 0.005 && none < 0.5 * half, "{half} and {none}");
}

#[test]
fn essl_has_a_crop_of_its_own() {
    let place = Workplace::new();
    let essl =
        ["method.regularizers=[\"essl\"]", "method.essl.largest_crop=1", "method.essl.smallest_crop=0.8"];
    let whole: Vec<&str> = essl.into_iter().chain(["method.essl.crop_side=1"]).collect();
    let losses = [trained(&place.run("small"), &essl), trained(&place.run("whole"), &whole)];
    assert!(losses.iter().all(|values| values["loss/essl"].is_finite()));
    assert_ne!(losses[0]["loss/essl"], losses[1]["loss/essl"]);
}
