//! Draws the first bundled digit of each class: `cargo run -p equilayer-examples --example digits`.

use equilayer::data::{Split, digits};

fn main() {
    let train = digits(Split::Train);
    let [count, _, width] = train.shape();
    println!("{count} digits to learn from. One of each:");
    for class in 0..10 {
        let Some(index) = train.labels().iter().position(|&label| label == class) else { continue };
        println!("\n{class}");
        for row in train.image(index).chunks_exact(width).filter(|row| row.iter().any(|&pixel| pixel > 0)) {
            let line: String =
                row.iter().map(|&pixel| [' ', '.', 'o', '#'][usize::from(pixel) / 64]).collect();
            println!("{}", line.trim_end());
        }
    }
}
