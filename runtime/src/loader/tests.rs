use super::*;
use crate::data::DataError;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::sleep;
use std::time::Duration;

/// Images of one pixel, whose value is their index; some cannot be used.
struct Numbers {
    len: usize,
    bad: Vec<usize>,
}

impl Dataset for Numbers {
    fn name(&self) -> &str {
        "numbers"
    }

    fn len(&self) -> usize {
        self.len
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        if self.bad.contains(&index) {
            return Err(DataError::Image { file: format!("{index}.png"), reason: "it is torn".into() });
        }
        Image::new(1, 1, 1, vec![index as u8])
    }

    fn label(&self, _index: usize) -> Option<usize> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }
}

fn numbers(len: usize, bad: &[usize]) -> Arc<dyn Dataset> {
    Arc::new(Numbers { len, bad: bad.into() })
}

fn in_order(batch: usize) -> LoaderOptions {
    let options = LoaderOptions::default();
    LoaderOptions { batch, workers: 2, shuffle: false, drop_last: false, ..options }
}

/// The image's value and a random number, made after a while that differs from sample to sample.
fn unsteady(image: &Image, key: SampleKey) -> (u8, usize) {
    sleep(Duration::from_micros(key.draw(1).below(500) as u64));
    (image.pixels()[0], key.draw(0).below(1 << 30))
}

fn batches(options: &LoaderOptions, bad: &[usize], epoch: u64, first: usize) -> Vec<Batch<(u8, usize)>> {
    let loader = Loader::new(numbers(50, bad), options.clone(), unsteady).unwrap();
    loader.epoch(epoch, first).unwrap().collect::<Result<_, _>>().unwrap()
}

fn images<T>(batches: &[Batch<T>]) -> Vec<usize> {
    batches.iter().flat_map(|batch| batch.images.clone()).collect()
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let one = LoaderOptions { workers: 1, prefetch: 1, shuffle: true, seed: 5, bad_limit: 4, ..in_order(8) };
    let expected = batches(&one, &[3, 40], 2, 0);
    assert_eq!(expected.len(), 7);
    for (workers, prefetch) in [(2, 1), (3, 2), (16, 9)] {
        assert_eq!(batches(&LoaderOptions { workers, prefetch, ..one.clone() }, &[3, 40], 2, 0), expected);
    }
    assert_ne!(batches(&one, &[3, 40], 3, 0)[0], expected[0]);
    assert_ne!(batches(&LoaderOptions { seed: 6, ..one.clone() }, &[3, 40], 2, 0)[0], expected[0]);
}

#[test]
fn an_epoch_can_be_entered_at_any_batch() {
    let options = LoaderOptions { shuffle: true, ..in_order(8) };
    let whole = batches(&options, &[], 1, 0);
    for first in 0..=7 {
        assert_eq!(batches(&options, &[], 1, first), whole[first..]);
    }
}

#[test]
fn every_image_comes_once_and_the_last_batch_may_be_short() {
    let shuffled = batches(&LoaderOptions { shuffle: true, ..in_order(8) }, &[], 0, 0);
    assert_eq!(shuffled.iter().map(|batch| batch.samples.len()).collect::<Vec<_>>(), [8, 8, 8, 8, 8, 8, 2]);
    let mut seen = images(&shuffled);
    assert!(
        shuffled
            .iter()
            .flat_map(|batch| &batch.samples)
            .zip(&seen)
            .all(|(sample, &image)| sample.0 as usize == image)
    );
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());

    let dropped = batches(&LoaderOptions { drop_last: true, ..in_order(8) }, &[], 0, 0);
    assert_eq!(images(&dropped), (0..48).collect::<Vec<_>>());
}

#[test]
fn keys_name_batch_and_slot() {
    let loader = Loader::new(numbers(10, &[]), in_order(4), |_, key| key).unwrap();
    let keys: Vec<SampleKey> = loader.epoch(3, 1).unwrap().flat_map(|batch| batch.unwrap().samples).collect();
    assert_eq!(keys[0], SampleKey { seed: 0, epoch: 3, batch: 1, slot: 0, image: 4 });
    assert_eq!(keys[5], SampleKey { seed: 0, epoch: 3, batch: 2, slot: 1, image: 9 });
}

#[test]
fn an_unusable_image_is_replaced_and_counted_once() {
    let options = LoaderOptions { bad_limit: 2, ..in_order(4) };
    let loader = Loader::new(numbers(10, &[2, 9]), options, |image, _| image.pixels()[0]).unwrap();
    for epoch in 0..3 {
        let batches: Vec<_> = loader.epoch(epoch, 0).unwrap().map(Result::unwrap).collect();
        assert_eq!(images(&batches), [0, 1, 3, 3, 4, 5, 6, 7, 8, 0]);
        assert_eq!(batches[0].samples, [0, 1, 3, 3]);
    }
    let found = loader.bad_images();
    assert_eq!(found.iter().map(|(image, _)| *image).collect::<Vec<_>>(), [2, 9]);
    assert!(found[1].1.starts_with("9.png: cannot be decoded: it is torn"), "{}", found[1].1);
}

#[test]
fn too_many_unusable_images_are_an_error_at_the_same_batch_for_any_workers() {
    for workers in [1, 4] {
        let options = LoaderOptions { bad_limit: 1, workers, ..in_order(2) };
        let loader = Loader::new(numbers(12, &[3, 7]), options, |_, _| ()).unwrap();
        let results: Vec<_> = loader.epoch(0, 0).unwrap().collect();
        assert_eq!(results.len(), 4, "nothing comes after an error");
        assert_eq!(
            results[3].as_ref().unwrap_err().to_string(),
            "numbers: 2 images cannot be used, and 1 are allowed; repair or remove them, or raise the limit \
             (data.bad_images in a configuration). \
             The last: 7.png: cannot be decoded: it is torn; replace the file or remove it"
        );
    }
}

#[test]
fn a_data_set_of_unusable_images_is_an_error() {
    let refusal = |bad_limit| {
        let options = LoaderOptions { bad_limit, ..in_order(2) };
        let loader = Loader::new(numbers(3, &[0, 1, 2]), options, |_, _| ()).unwrap();
        let mut epoch = loader.epoch(0, 0).unwrap();
        epoch.next().unwrap().unwrap_err().to_string()
    };
    assert!(refusal(0).starts_with("numbers: 1 images cannot be used, and 0 are allowed"));
    assert_eq!(
        refusal(9),
        "numbers: none of its 3 images can be used; repair them. \
         The last: 2.png: cannot be decoded: it is torn; replace the file or remove it"
    );
}

#[test]
fn a_panic_in_the_work_is_an_error() {
    let work = |image: &Image, _: SampleKey| {
        assert!(image.pixels()[0] != 5, "five is {}", "too much");
    };
    let loader = Loader::new(numbers(12, &[]), in_order(2), work).unwrap();
    let results: Vec<_> = loader.epoch(0, 0).unwrap().collect();
    assert_eq!(results.len(), 3);
    assert_eq!(
        results[2].as_ref().unwrap_err().to_string(),
        "numbers: the work on image 5 panicked: five is too much; this is a mistake in its code"
    );
    assert_eq!(loader.epoch(1, 4).unwrap().count(), 2, "the loader goes on");
}

#[test]
fn workers_stay_within_the_batches_ahead() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let options = LoaderOptions { workers: 8, prefetch: 2, ..in_order(3) };
    let loader = Loader::new(numbers(60, &[]), options, move |_, _| counter.fetch_add(1, SeqCst)).unwrap();
    for (taken, batch) in (1..).zip(loader.epoch(0, 0).unwrap()) {
        batch.unwrap();
        sleep(Duration::from_millis(2)); // time to run ahead, if they would
        let made = made.load(SeqCst);
        assert!(made <= 3 * (taken + 3), "{made} samples made with {taken} batches taken");
    }
    assert_eq!(made.load(SeqCst), 60);
}

#[test]
fn an_epoch_left_early_stops_its_workers() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let work = move |_: &Image, _| {
        sleep(Duration::from_millis(1));
        counter.fetch_add(1, SeqCst);
    };
    let options = LoaderOptions { workers: 4, prefetch: 100, ..in_order(10) };
    let loader = Loader::new(numbers(100_000, &[]), options, work).unwrap();
    let mut epoch = loader.epoch(0, 0).unwrap();
    epoch.next().unwrap().unwrap();
    drop(epoch);
    let at_drop = made.load(SeqCst);
    sleep(Duration::from_millis(20));
    assert_eq!(made.load(SeqCst), at_drop, "workers are joined");
    assert!(at_drop < 1000, "{at_drop} samples made before the workers stopped");
    drop(loader.epoch(1, 0).unwrap());
}

#[test]
fn says_what_is_wrong_and_what_to_do() {
    let refusal = |options| Loader::new(numbers(5, &[]), options, |_, _| ()).err().unwrap().to_string();
    assert_eq!(refusal(in_order(0)), "loader: batch is 0, and must be at least 1");
    let options = LoaderOptions { workers: 0, ..in_order(2) };
    assert_eq!(refusal(options), "loader: workers is 0, and must be at least 1");
    let options = LoaderOptions { prefetch: 0, ..in_order(2) };
    assert_eq!(refusal(options), "loader: prefetch is 0, and must be at least 1");
    let options = LoaderOptions { drop_last: true, ..in_order(8) };
    assert_eq!(
        refusal(options),
        "numbers: has 5 images, too few for one batch of 8; take a smaller batch or more images"
    );
    let loader = Loader::new(numbers(5, &[]), in_order(2), |_, _| ()).unwrap();
    let message = loader.epoch(0, 4).err().unwrap().to_string();
    assert_eq!(message, "numbers: there is no batch 4 in an epoch of 3; start at one below");
}
