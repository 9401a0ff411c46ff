//! A published method at an earlier layer: EquiMod, whose loss sits at the final CLS, after block 3 of 12. Counts the
//! parameters that its gradient reaches: `cargo run -p equilayer-examples --example decouple`

use std::error::Error;

use equilayer::encoder::{EncoderConfig, VitConfig};
use equilayer::method::Layout;
use equilayer::prelude::*;
use equilayer::program::{Losses, StepShape, TrainingOptions};
use equilayer_plugins::{Equimod, MocoV3};

const BATCH: usize = 16;

/// For each block of the encoder, how many of its parameters a term trains.
fn trained(method: &Method, term: &str, encoder: &VitConfig) -> Result<Vec<usize>, Box<dyn Error>> {
    let layout = Layout::of(method, BATCH);
    let shape = StepShape { splits: Vec::new() }; // Neither loss asks for views that a group action relates.
    let losses = Losses::build(method, encoder, &layout, &shape, &TrainingOptions::default())?;
    let (_, loss) = losses.terms.iter().find(|(name, _)| name == term).ok_or("there is no such term")?;
    let parameters = losses.graph.parameters();
    let reached = losses.graph.reached_gradients(loss, &parameters)?;
    let mut blocks = vec![0; encoder.layers() + 2];
    for (parameter, _) in parameters.iter().zip(&reached).filter(|(_, gradient)| gradient.is_some()) {
        let name = losses.graph.state_name(parameter).unwrap_or_default();
        if let Some(name) = name.strip_prefix("encoder.") {
            blocks[encoder.layer_of(name)] += 1;
        }
    }
    Ok(blocks[1..=encoder.layers()].to_vec())
}

fn main() -> Result<(), Box<dyn Error>> {
    let encoder = VitConfig { cls_after: 0, depth: 12, width: 48, heads: 2, ..VitConfig::digits() };
    let published = method! { MocoV3 + Equimod };
    let decoupled = method! { MocoV3 + Equimod at cls(3) };
    for method in [&published, &decoupled] {
        println!("{method}");
        println!(
            "  parameters of block 1 to 12 that moco_v3 trains: {:?}",
            trained(method, "moco_v3", &encoder)?
        );
        println!(
            "  parameters of block 1 to 12 that equimod trains: {:?}",
            trained(method, "equimod", &encoder)?
        );
    }
    Ok(())
}
