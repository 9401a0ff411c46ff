//! Which image comes when.

use super::SampleKey;
use crate::augment::Draw;

/// Keeps the order's draws apart from those of samples.
const SHUFFLE: u64 = u64::MAX;

/// The images of an epoch, by position: a permutation that depends on the seed and the epoch alone, or all in order.
pub fn order(seed: u64, epoch: u64, len: usize, shuffle: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    if shuffle {
        Draw::new(seed, &[SHUFFLE, epoch]).shuffle(&mut order);
    }
    order
}

impl SampleKey {
    /// The random numbers of one use of this sample, commonly a view: uses have numbers of their own. They depend on
    /// the seed, the epoch and the image, not on where in the epoch it comes.
    pub fn draw(&self, purpose: u64) -> Draw {
        Draw::new(self.seed, &[0, self.epoch, self.image as u64, purpose])
    }

    /// The random numbers that a group of `size` neighbours in the batch share, for transformations that all of the
    /// group get: pairs of images for STL, chunks of the batch for CARE. A size of 0 counts as 1.
    pub fn group_draw(&self, size: usize, purpose: u64) -> Draw {
        let group = self.slot / size.max(1);
        Draw::new(self.seed, &[1, self.epoch, self.batch as u64, group as u64, purpose])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_every_image_once() {
        let shuffled = order(1, 2, 1000, true);
        let mut sorted = shuffled.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, order(1, 2, 1000, false));
        assert_eq!(shuffled, order(1, 2, 1000, true));
        assert_ne!(shuffled, order(1, 3, 1000, true));
        assert_ne!(shuffled, order(2, 2, 1000, true));
        let kept = shuffled.iter().enumerate().filter(|(position, image)| position == *image).count();
        assert!(kept < 10, "{kept} of 1000 images stayed where they were"); // 1 is expected
    }

    #[test]
    fn groups_share_what_samples_do_not() {
        let key = |slot| SampleKey { seed: 1, epoch: 2, batch: 3, slot, image: 10 * slot };
        let first = |draw: Draw| draw.clone().below(usize::MAX);
        assert_eq!(first(key(4).group_draw(2, 0)), first(key(5).group_draw(2, 0)));
        assert_ne!(first(key(4).group_draw(2, 0)), first(key(6).group_draw(2, 0)));
        assert_ne!(first(key(4).group_draw(2, 0)), first(key(4).group_draw(2, 1)));
        assert_ne!(first(key(4).draw(0)), first(key(5).draw(0)));
        assert_ne!(first(key(4).draw(0)), first(key(4).draw(1)));
        assert_eq!(first(key(4).draw(0)), first(SampleKey { batch: 9, slot: 0, ..key(4) }.draw(0)));
    }
}
