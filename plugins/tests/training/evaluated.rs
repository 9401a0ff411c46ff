//! Evaluating a run again: robustness on images made worse here, on folders of them, and while someone else writes it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use equilayer::run_directory::RunDirectory;
use serde_json::Value;

use super::runs::{Ended, Workplace, binary};

/// A copy of a run that is over, in a folder of this name.
pub fn finished(name: &str) -> PathBuf {
    let copied = place().path(name);
    copy(&place().run("run").folder(), &copied);
    copied
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Where a run is over.
fn place() -> &'static Workplace {
    static PLACE: OnceLock<Workplace> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = Workplace::new();
        place.run("run").train(&[]).succeeded();
        place
    })
}

fn eval(run: &Path, arguments: &[&str]) -> Ended {
    Ended::of(binary().arg("eval").arg(run).args(arguments))
}

/// The numbers of a test and subject, by name.
fn numbers(evaluation: &Value, test: &str, subject: &str) -> Vec<(String, f64)> {
    let findings = evaluation["findings"].as_array().unwrap();
    let asked = findings.iter().filter(|found| found["test"] == test && found["subject"] == subject);
    asked
        .map(|found| (found["name"].as_str().unwrap().to_owned(), found["value"].as_f64().unwrap()))
        .collect()
}

fn value(numbers: &[(String, f64)], name: &str) -> f64 {
    numbers.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("no {name} in {numbers:?}")).1
}

#[test]
fn corruptions_are_generated_and_read_from_folders() {
    let place = place();
    let (c, p) = (place.path("imagenet-c"), place.path("imagenet-p"));
    for (index, class) in ["3", "7"].iter().enumerate() {
        for severity in ["1", "5"] {
            for corruption in ["fog", "shot_noise"] {
                write_jpeg(&c.join(corruption).join(severity).join(class).join("1.JPEG"), index as u8);
            }
        }
        for frame in 1..=3 {
            write_jpeg(&p.join("tilt").join(class).join("first").join(format!("{frame}.jpg")), frame);
        }
    }
    let folders = [c.to_str().unwrap(), p.to_str().unwrap()];
    let options = ["--corruptions", "--imagenet-c", folders[0], "--imagenet-p", folders[1], "--json"];
    let run = finished("corrupted");
    let ended = eval(&run, &[&options[..], &["evaluate.moved_images=10"]].concat());
    ended.succeeded();
    let evaluation: Value = serde_json::from_str(&ended.stdout).unwrap();
    for subject in ["trained", "untrained", "raw_pixels"] {
        let found = numbers(&evaluation, "robustness", subject);
        let mean = value(&found, "mean corrupted accuracy");
        let under: Vec<f64> = found
            .iter()
            .filter(|(name, _)| name.starts_with("accuracy under "))
            .map(|(_, value)| *value)
            .collect();
        let at: Vec<f64> = (1..=5).map(|n| value(&found, &format!("accuracy at severity {n}"))).collect();
        assert_eq!((under.len(), at.len()), (9, 5));
        let average = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert!((average(&under) - mean).abs() < 1e-9 && (average(&at) - mean).abs() < 1e-9, "{found:?}");
        let clean = value(&found, "clean accuracy");
        if clean > 0.0 {
            assert!((value(&found, "relative drop") - (clean - mean) / clean).abs() < 1e-9);
        }
        assert!((0.0..=1.0).contains(&value(&found, "flip rate")));

        let found = numbers(&evaluation, "imagenet_c", subject);
        let [fog, noise] =
            ["accuracy under fog", "accuracy under shot noise"].map(|name| value(&found, name));
        assert!((value(&found, "mean corrupted accuracy") - 0.5 * (fog + noise)).abs() < 1e-9);
        assert_eq!(fog, noise, "the same pictures");
        let found = numbers(&evaluation, "imagenet_p", subject);
        assert_eq!(value(&found, "flip rate"), value(&found, "flip rate under tilt"));
    }
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    for text in ["Robustness", "Accuracy by severity", "shot noise", "tilt", "Local equivariance error"] {
        assert!(report.contains(text), "no {text}");
    }
}

#[test]
fn folders_of_another_layout_are_refused_before_anything_is_measured() {
    let place = place();
    let wrong = place.path("wrong");
    write_jpeg(&wrong.join("fog/1/cow/1.jpg"), 0);
    let run = finished("refusing");
    eval(&run, &["--imagenet-c", wrong.to_str().unwrap()])
        .failed(2, &["fog/1/cow: is no class of the training"]);
    eval(&run, &["--imagenet-p", wrong.to_str().unwrap()])
        .failed(2, &["fog/1/cow: has fewer than two frames"]);
    eval(&run, &["--imagenet-c", "no/such"]).failed(2, &["no/such: cannot be read"]);
}

#[test]
fn a_run_that_is_being_written_is_left_alone() {
    let folder = finished("held");
    let report = folder.join("report.html");
    let held = RunDirectory::open(&folder).unwrap();
    let before = std::fs::read(&report).unwrap();
    let message = [&*format!("is being written by process {};", std::process::id()), "wait until it ends"];
    eval(&folder, &[]).failed(2, &message);
    Ended::of(binary().arg("report").arg(&folder)).failed(2, &message);
    assert_eq!(std::fs::read(&report).unwrap(), before);
    drop(held);
    Ended::of(binary().arg("report").arg(&folder)).succeeded();
}

fn write_jpeg(path: &Path, shade: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixels: Vec<u8> = (0..40 * 36).map(|at| (at / 40 * 5) as u8 ^ (shade * 60)).collect();
    let encoder = jpeg_encoder::Encoder::new_file(path, 90).unwrap();
    encoder.encode(&pixels, 40, 36, jpeg_encoder::ColorType::Luma).unwrap();
}
