//! The losses of methods.

use equilayer_engine::{DeviceChoice, Tensor};

use super::{Computed, Scene};
use crate::loss::{
    self, centred_softmax, covariance_penalty, distillation, info_nce, invariance, negative_cosine,
    normalized_distance, nt_xent, redundancy_reduction, variance_hinge,
};
use crate::parity::file::{ParityError, ParityFile};
use crate::plugin::{Choice, Loss};

/// The loss's value in the graph, and everything run.
fn finish(mut scene: Scene, loss: &Loss) -> Result<Computed, ParityError> {
    if let Some(value) = loss.tensor() {
        scene.loss(value)?;
    }
    scene.run(&[])
}

/// q1 q2 k1 k2: ctr(q1, k2) + ctr(q2, k1) with ctr = 2τ · InfoNCE; keys are constants.
pub(super) fn moco_v3(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let temperature = file.number("temperature")? as f32;
    let mut scene = Scene::new(file, device);
    let [q1, q2, k1, k2] = scene.all(["q1", "q2", "k1", "k2"])?;
    let contrast =
        |q: &Tensor, k: &Tensor| info_nce(q, &k.stop_gradient(), temperature) * (2.0 * temperature);
    finish(scene, &(contrast(&q1, &k2) + contrast(&q2, &k1)))
}

pub(super) fn simclr(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let temperature = file.number("temperature")? as f32;
    let mut scene = Scene::new(file, device);
    let [z1, z2] = scene.all(["z1", "z2"])?;
    finish(scene, &nt_xent(&z1, &z2, temperature))
}

pub(super) fn barlow_twins(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let lambda = file.number("lambda")? as f32;
    let mut scene = Scene::new(file, device);
    let [z1, z2] = scene.all(["z1", "z2"])?;
    finish(scene, &redundancy_reduction(&z1, &z2, lambda))
}

/// The authors' form: the hinge is halved, the covariance is not.
pub(super) fn vicreg(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let weight = |name: &str| file.number(name).map(|weight| weight as f32);
    let [s, v, c] = [weight("invariance")?, weight("variance")?, weight("covariance")?];
    let mut scene = Scene::new(file, device);
    let [z1, z2] = scene.all(["z1", "z2"])?;
    let hinge = (variance_hinge(&z1) + variance_hinge(&z2)) / 2.0;
    let covariance = covariance_penalty(&z1) + covariance_penalty(&z2);
    finish(scene, &(s * invariance(&z1, &z2) + v * hinge + c * covariance))
}

/// p1 p2 z1 z2, the targets z constant.
pub(super) fn byol(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let mut scene = Scene::new(file, device);
    let [p1, p2, z1, z2] = scene.all(["p1", "p2", "z1", "z2"])?;
    let loss = normalized_distance(&p1, &z2.stop_gradient()) + normalized_distance(&p2, &z1.stop_gradient());
    finish(scene, &loss)
}

/// p1 p2 z1 z2, the targets z constant.
pub(super) fn simsiam(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let mut scene = Scene::new(file, device);
    let [p1, p2, z1, z2] = scene.all(["p1", "p2", "z1", "z2"])?;
    let loss = negative_cosine(&p1, &z2.stop_gradient()) + negative_cosine(&p2, &z1.stop_gradient());
    finish(scene, &(loss / 2.0))
}

/// s1 s2 .. t1 t2 .., the mean over pairs of different views, and the centre behind the step.
pub(super) fn dino(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let [student, teacher, momentum] =
        ["student_temperature", "teacher_temperature", "center_momentum"].map(|name| file.number(name));
    let (student, teacher, momentum) = (student? as f32, teacher? as f32, momentum? as f32);
    let mut scene = Scene::new(file, device);
    let (scores, targets) = (scene.numbered("s")?, scene.numbered("t")?);
    let center = scene.input("center")?;
    let teacher = scene.graph.scalar(teacher);
    let mut losses = Vec::new();
    for (i, target) in targets.iter().enumerate() {
        let target = centred_softmax(target, &center, &teacher);
        let others = scores.iter().enumerate().filter(|&(v, _)| v != i);
        losses.extend(others.map(|(_, score)| distillation(score, &target, student)));
    }
    scene.output("out.center", &loss::moved_center(&center, &targets, momentum));
    let count = losses.len() as f32;
    finish(scene, &(losses.into_iter().sum::<Loss>() / count))
}

/// z0 are the anchors, z1 the positives.
pub(super) fn dense_info_nce(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let temperature = file.number("temperature")? as f32;
    let negatives = file.choice("negatives", loss::Negatives::options())?;
    let mut scene = Scene::new(file, device);
    let [anchors, positives] = scene.all(["z0", "z1"])?;
    finish(scene, &loss::dense_info_nce(anchors, positives, temperature, negatives))
}
