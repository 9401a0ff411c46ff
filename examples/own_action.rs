//! A group action of one's own: the laws it is held to, and what it does to pixels and to tokens.
//! `cargo run -p equilayer-examples --example own_action`

use std::error::Error;

use equilayer::action::laws;
use equilayer::data::{Split, digits};
use equilayer::evaluate::ImageBatch;
use equilayer::evaluate::equivariance::{equivariance, patch_pooling};
use equilayer::prelude::*;

/// Enlargement about the centre; elements are logarithms of the factor, so that they add.
#[group_action(
    sample = |draw| draw.uniform(-0.2..=0.2),
    compose = |a, b| a + b,
    inverse = |a| -a,
    interpolation = bicubic,
    floor = 0.08,                                         // what sampling may cost an ideal encoder
)]
pub fn enlargement(a: f64, from: Grid) -> GridMap {
    GridMap::zoom(from, a.exp())
}

fn main() -> Result<(), Box<dyn Error>> {
    // The same test is generated beside the declaration: `cargo test` runs it.
    laws::check_group_laws(&Enlargement)?;
    println!("{} keeps the laws of a group", Enlargement.name());

    let test = digits(Split::Test);
    let pixels = test.pixels()[..784 * 100].iter().map(|&byte| f32::from(byte) / 255.0).collect();
    let images = ImageBatch::new(pixels, 1, Grid::new(28, 28))?;
    println!("\ncosine of ρ_g F(x) and F(g·x), F the mean colours of patches:");
    for side in [4, 7, 14] {
        let patch = 28 / side;
        let element = Enlargement.map(&0.2, Grid::new(side, side));
        let found = equivariance(&images, &[element], patch, patch_pooling(patch))?;
        let cosine = found[0].cosine.iter().sum::<f64>() / found[0].cosine.len() as f64;
        println!("  {side:2} × {side:2} tokens: {cosine:.3}");
    }
    Ok(())
}
