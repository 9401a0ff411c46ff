//! Weights from and for others: timm's files, round trips, and what is refused.

#[path = "../engine/tests/goldens/mod.rs"]
#[allow(dead_code, reason = "the reader is shared, and this test needs a part of it")]
mod goldens;

use std::error::Error;
use std::path::{Path, PathBuf};

use equilayer::encoder::{EncoderConfig, ResNetConfig, Stage, Stem, VitConfig, export, import};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Plan};
use equilayer::nn::Pass;
use goldens::Golden;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The transformer of the reference file.
fn config() -> VitConfig {
    VitConfig { image: [32, 32], patch: 8, width: 48, depth: 4, heads: 3, ..VitConfig::small_16() }
}

fn timm() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/a/vit.safetensors")
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// An executor with an encoder behind the prefix `student.`, at its first values.
fn prepared(config: &dyn EncoderConfig, batch: usize) -> Result<(CpuExecutor, Plan)> {
    let graph = Graph::new();
    let [height, width] = config.image();
    let images = graph.input("images", [batch, config.channels(), height, width]);
    let features = config.build(&graph, "student.")?.forward(&images, &Pass::evaluation());
    graph.output("cls", &features.embedding());
    let plan = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(&plan)?;
    Ok((executor, plan))
}

fn load(executor: &mut CpuExecutor, values: &[(String, Vec<f32>)]) -> Result {
    for (name, values) in values {
        executor.set_state(&format!("student.{name}"), values)?;
    }
    Ok(())
}

#[test]
fn timms_weights_give_timms_features() -> Result {
    let golden = Golden::read("a", "vit", "vit.features");
    let (image_shape, image) = golden.tensor("in.image");
    let (mut executor, plan) = prepared(&config(), image_shape[0])?;
    load(&mut executor, &import(&timm(), &config(), "param.")?)?;
    let outputs = executor.run(&plan, &[("images", image)])?;
    let (shape, norm) = golden.tensor("out.norm");
    let (sample, width) = (shape[1] * shape[2], shape[2]);
    let scale = norm.iter().fold(0.0f32, |scale, x| scale.max(x.abs()));
    for (index, found) in outputs.get("cls")?.iter().enumerate() {
        let expected = norm[index / width * sample + index % width];
        assert!((found - expected).abs() <= 1e-4 * scale, "cls[{index}]: {found}, timm has {expected}");
    }
    Ok(())
}

#[test]
fn what_is_exported_comes_back_bit_for_bit_and_in_timms_shapes() -> Result {
    let file = folder("round_trip")?.join("vit.safetensors");
    let (mut executor, _) = prepared(&config(), 1)?;
    let weights = import(&timm(), &config(), "param.")?;
    load(&mut executor, &weights)?;
    export(&file, &config(), "student.", &executor)?;
    assert_eq!(import(&file, &config(), "")?, weights);

    let (bytes, timms) = (std::fs::read(&file)?, std::fs::read(timm())?);
    let (ours, timms) =
        (safetensors::SafeTensors::deserialize(&bytes)?, safetensors::SafeTensors::deserialize(&timms)?);
    let parameters: Vec<_> =
        timms.iter().filter_map(|(name, view)| Some((name.strip_prefix("param.")?, view))).collect();
    assert_eq!(ours.len(), parameters.len());
    for (name, view) in parameters {
        assert_eq!(ours.tensor(name)?, view, "{name}");
    }
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes)?;
    let metadata = header.metadata().as_ref().ok_or("no metadata")?;
    assert_eq!(serde_json::from_str::<VitConfig>(&metadata["equilayer.encoder"])?, config());

    export(&file, &config(), "student.", &executor)?;
    assert_eq!(std::fs::read(&file)?, bytes, "the same weights make the same file");
    let names: Vec<_> = std::fs::read_dir(folder_of(&file)?)?.collect::<std::io::Result<_>>()?;
    assert_eq!(names.len(), 1, "nothing temporary stays");
    Ok(())
}

fn folder_of(file: &Path) -> Result<&Path> {
    Ok(file.parent().ok_or("no folder")?)
}

#[test]
fn a_resnets_statistics_travel_with_it() -> Result {
    let file = folder("resnet")?.join("resnet.safetensors");
    let stages = vec![Stage { width: 2, blocks: 1 }, Stage { width: 3, blocks: 1 }];
    let config = ResNetConfig { image: [8, 8], channels: 1, stem: Stem::Small, stages };
    let (mut executor, _) = prepared(&config, 2)?;
    executor.set_state("student.layer2.0.downsample.1.running_var", &[2.0, 3.0, 4.0])?;
    export(&file, &config, "student.", &executor)?;
    let weights = import(&file, &config, "")?;
    let variance = weights.iter().find(|(name, _)| name == "layer2.0.downsample.1.running_var");
    assert_eq!(variance.ok_or("no such state")?.1, [2.0, 3.0, 4.0]);
    assert!(
        weights
            .iter()
            .all(|(name, values)| executor.state(&format!("student.{name}")).ok().as_ref() == Some(values))
    );
    Ok(())
}

fn refusal(file: &Path, config: &VitConfig, prefix: &str) -> String {
    import(file, config, prefix).expect_err("not this encoder's").to_string()
}

#[test]
fn files_of_other_encoders_are_refused_with_all_that_differs() -> Result {
    let deeper = refusal(&timm(), &VitConfig { depth: 5, image: [24, 32], ..config() }, "param.");
    assert!(deeper.contains("vit.safetensors: not the weights of this encoder"), "{deeper}");
    assert!(deeper.contains("missing: `blocks.4.norm1.weight` [48]"), "{deeper}");
    assert!(deeper.contains("missing: 4 more"), "{deeper}");
    assert!(deeper.contains("wrong: `pos_embed` is [1, 17, 48], this encoder has [1, 13, 48]"), "{deeper}");
    let shallower = refusal(&timm(), &VitConfig { depth: 3, ..config() }, "param.");
    assert!(shallower.contains("unexpected: `blocks.3.attn.qkv.weight` [144, 48]"), "{shallower}");
    let unprefixed = refusal(&timm(), &config(), "params.");
    assert!(unprefixed.contains("`params.`"), "{unprefixed}");
    Ok(())
}

#[test]
fn near_names_are_named_and_classifiers_passed_over() -> Result {
    let file = folder("near")?.join("near.safetensors");
    let (bytes, f32) = (std::fs::read(timm())?, safetensors::Dtype::F32);
    let timms = safetensors::SafeTensors::deserialize(&bytes)?;
    let head = [0; 16];
    let mut tensors: Vec<(String, _)> = timms
        .iter()
        .filter_map(|(name, view)| Some((name.strip_prefix("param.")?.to_string(), view)))
        .collect();
    tensors.push(("head.bias".into(), safetensors::tensor::TensorView::new(f32, vec![4], &head)?));
    safetensors::serialize_to_file(tensors.clone(), None, &file)?;
    import(&file, &config(), "")?;
    for (name, _) in &mut tensors {
        *name = name.replace("cls_token", "clstoken");
    }
    safetensors::serialize_to_file(tensors, None, &file)?;
    let error = refusal(&file, &config(), "");
    assert!(error.contains("missing: `cls_token` [1, 1, 48]; the file has `clstoken`"), "{error}");
    assert!(error.contains("unexpected: `clstoken` [1, 1, 48]"), "{error}");
    Ok(())
}

#[test]
fn torn_and_foreign_files_are_refused_by_name() -> Result {
    let folder = folder("torn")?;
    let whole = std::fs::read(timm())?;
    for (name, bytes) in [("torn", &whole[..whole.len() / 2]), ("empty", &[][..]), ("text", b"not weights")] {
        let file = folder.join(name);
        std::fs::write(&file, bytes)?;
        let error = refusal(&file, &config(), "param.");
        assert!(error.contains(name) && error.contains("no whole safetensors file"), "{error}");
    }
    let error = refusal(&folder.join("nowhere"), &config(), "");
    assert!(error.contains("nowhere: cannot be read"), "{error}");
    Ok(())
}

#[test]
fn a_failed_export_leaves_the_old_file() -> Result {
    let file = folder("failed")?.join("vit.safetensors");
    std::fs::write(&file, "the old file")?;
    let (executor, _) = prepared(&config(), 1)?;
    let error = export(&file, &config(), "teacher.", &executor).expect_err("no teacher here").to_string();
    assert!(error.contains("teacher.patch_embed.proj.weight"), "{error}");
    assert_eq!(std::fs::read_to_string(&file)?, "the old file");
    let nowhere = folder_of(&file)?.join("no folder").join("vit.safetensors");
    let error = export(&nowhere, &config(), "student.", &executor).expect_err("no such folder").to_string();
    assert!(error.contains("vit.safetensors: cannot be written"), "{error}");
    Ok(())
}
