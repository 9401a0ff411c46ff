//! Every recipe is read without a mistake, and its method fits its encoder and its batch.

use std::path::{Path, PathBuf};

use equilayer::config::Document;
use equilayer::method::Layout;
use equilayer::plugin::Registry;
use equilayer::train::{Settings, Trainer};

fn recipes(scale: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(scale);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("recipes")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

/// The settings of a recipe, with these changes.
fn read(file: &Path, changes: &[&str]) -> Settings {
    equilayer_plugins::link();
    let registry = Registry::linked().expect("plugins");
    let mut document = Document::read(file).expect("TOML");
    for change in changes {
        document.set(change).expect("a change");
    }
    let settings = Settings::read(&document, &registry, ("moco_v3", &[]));
    document.finish().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    settings.unwrap_or_else(|| panic!("{}: no settings", file.display()))
}

/// Three objectives, alone and with four regularizers at two places, and two with SER on small crops too.
const MATRIX: usize = 3 * (1 + 4 * 2) + 2;
/// On the digits, flow equivariance at two places as well.
const FLOWS: usize = 2;

fn check(scale: &str, changes: &[&str], count: usize, least_samples: usize) {
    let files = recipes(scale);
    assert_eq!(files.len(), count);
    for file in files {
        let settings = read(&file, changes);
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let problems = settings.method.problems(settings.encoder.as_ref(), settings.batch);
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let members = settings.method.names();
        let (name, local) = name.strip_suffix("+local").map_or((name.as_str(), 0), |name| (name, 4));
        let (objective, regularizer) = match name.split_once('+') {
            Some((objective, rest)) => (objective, rest.split('@').next()),
            None => (name, None),
        };
        assert_eq!((members[0].as_str(), members.get(1).map(String::as_str)), (objective, regularizer));
        if let Some(member) = settings.method.regularizers().first() {
            assert_eq!(member.at().to_string().ends_with("(3)"), name.ends_with("@layer3"), "{name}");
        }
        for split in Layout::of(&settings.method, settings.batch).splits {
            assert!(split.samples >= least_samples, "{name}: {} samples", split.samples);
            assert_eq!(split.local, local, "{name}");
        }
    }
}

#[test]
fn the_papers_recipes_fit() {
    // The images are not here: the bundled ones stand in, in colour and size those of the recipe do not matter.
    check(
        "imagenet",
        &["data.name=digits", "data.path=", "encoder.image=224", "encoder.patch=16"],
        MATRIX,
        20,
    );
}

#[test]
fn the_digits_recipes_fit() {
    check("digits", &[], MATRIX + FLOWS, 8);
}

/// A step of milliseconds, whatever the recipe: on digits, with narrow layers, and samples for the regularizer.
const SMALL: [&str; 20] = [
    "data.name=digits",
    "data.path=",
    "encoder.image=28",
    "encoder.patch=4",
    "encoder.width=16",
    "encoder.depth=4",
    "encoder.heads=2",
    "train.batch=32",
    "train.threads=1",
    "method.moco_v3.hidden=32",
    "method.moco_v3.out=16",
    "method.barlow_twins.hidden=32",
    "method.dino.hidden=16",
    "method.dino.bottleneck=8",
    "method.dino.prototypes=12",
    "method.byol.hidden=16",
    "method.byol.out=8",
    "method.ser.batch=0.0625",
    "method.flow_equivariance.hidden=16",
    "method.flow_equivariance.out=8",
];

/// Every recipe, made small, gets as far as its first step: images are loaded and transformed, the plan is built, and the
/// gradient of each term reaches what it should.
#[test]
fn every_recipe_begins() {
    for file in ["imagenet", "digits"].into_iter().flat_map(recipes) {
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let concerns =
            |change: &&&str| match change.strip_prefix("method.").and_then(|key| key.split_once('.')) {
                Some((plugin, _)) => name.contains(plugin),
                None => true,
            };
        let changes: Vec<&str> = SMALL.iter().filter(concerns).copied().collect();
        let begun = Trainer::new(read(&file, &changes)).and_then(|mut trainer| trainer.rehearse());
        assert!(begun.is_ok(), "{}: {}", file.display(), begun.unwrap_err());
    }
}
