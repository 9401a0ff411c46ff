//! A data set and an augmentation of one's own: shapes that are drawn when asked for, and a block that hides a part.
//!
//! cargo run --release -p equilayer-examples --example own_dataset

use std::error::Error;
use std::sync::Arc;

use equilayer::augment::{Augmentation, Draw, GaussianBlur, Normalize, Pipeline, RandomResizedCrop, Step};
use equilayer::data::{DataError, Dataset, Image};
use equilayer::loader::{Loader, LoaderOptions};

const SIDE: usize = 32;

/// Discs and squares of random size and place.
struct Shapes {
    len: usize,
    classes: [String; 2],
}

impl Dataset for Shapes {
    fn name(&self) -> &str {
        "shapes"
    }

    fn len(&self) -> usize {
        self.len
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        let mut draw = Draw::new(0, &[index as u64]); // the same image whenever it is asked for
        let [y, x] = [0; 2].map(|_| draw.uniform(10.0, 22.0));
        let radius = draw.uniform(5.0, 9.0);
        let disc = index.is_multiple_of(2);
        let pixel = |cell: usize| {
            let (down, right) = ((cell / SIDE) as f32 - y, (cell % SIDE) as f32 - x);
            let distance = if disc { down.hypot(right) } else { down.abs().max(right.abs()) };
            if distance < radius { 255 } else { 0 }
        };
        Image::new(1, SIDE, SIDE, (0..SIDE * SIDE).map(pixel).collect())
    }

    fn label(&self, index: usize) -> Option<usize> {
        Some(index % 2)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }
}

/// Hides a square block of a random place.
#[derive(Debug)]
struct Hide {
    side: usize,
}

impl Augmentation for Hide {
    fn name(&self) -> &str {
        "hide"
    }

    fn draw(&self, draw: &mut Draw, [height, width]: [usize; 2]) -> Vec<f32> {
        [height, width].map(|side| draw.below(side.saturating_sub(self.side)) as f32).to_vec()
    }

    fn apply(&self, image: &mut Image, parameters: &[f32]) {
        let [top, left] = [parameters[0] as usize, parameters[1] as usize];
        for row in image.rows_mut().skip(top).take(self.side) {
            row.iter_mut().skip(left).take(self.side).for_each(|pixel| *pixel = 0);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let shapes = Arc::new(Shapes { len: 1000, classes: ["disc", "square"].map(String::from) });
    let crop = Step::RandomResizedCrop(RandomResizedCrop::new(24, [0.5, 1.0]));
    let blur = Step::GaussianBlur(GaussianBlur { sigma: [0.1, 1.0], p: 0.5 });
    let pipeline = Pipeline::new(vec![crop, blur], Normalize::gray(0.2, 0.4))?.with(Hide { side: 6 })?;

    let options = LoaderOptions { batch: 100, ..LoaderOptions::default() };
    let loader = Loader::new(shapes.clone(), options, move |image, key| pipeline.apply(image, &key.draw(0)))?;
    for batch in loader.epoch(0, 0)? {
        let batch = batch?;
        let discs = batch.images.iter().filter(|&&image| shapes.label(image) == Some(0)).count();
        let (_, parameters) = &batch.samples[0];
        println!(
            "batch {}: {discs} discs of {}; the first hides {:?}",
            batch.index,
            batch.images.len(),
            parameters.own[0].1
        );
    }
    Ok(())
}
