//! The bundled digits.

use super::{DataError, Idx, LabelledImages};

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The samples to learn from.
    Train,
    /// The samples held out.
    Test,
}

/// 10,000 MNIST digits, 28×28: 8,000 to train on and 2,000 to test on, with no overlap.
///
/// They are part of the program, so this works in any directory, without a network. The images are LeCun, Cortes and
/// Burges's, under CC BY-SA 3.0. Each call decodes them anew, 6 MB for the training split; keep the result.
pub fn digits(split: Split) -> LabelledImages {
    decode(split).expect("the bundled digits are read back by this module's tests")
}

fn decode(split: Split) -> Result<LabelledImages, DataError> {
    macro_rules! bundled {
        ($name:literal) => {
            Idx::decode($name, include_bytes!(concat!("../../data/digits/", $name)))
        };
    }
    let (images, labels) = match split {
        Split::Train => (bundled!("train-images-idx3-ubyte.gz")?, bundled!("train-labels-idx1-ubyte.gz")?),
        Split::Test => (bundled!("test-images-idx3-ubyte.gz")?, bundled!("test-labels-idx1-ubyte.gz")?),
    };
    let name = match split {
        Split::Train => "digits train",
        Split::Test => "digits test",
    };
    Ok(LabelledImages::new(images, labels)?.named(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn both_splits_are_whole() {
        for (split, len) in [(Split::Train, 8000), (Split::Test, 2000)] {
            let set = decode(split).unwrap();
            assert_eq!(set.shape(), [len, 28, 28]);
            assert_eq!(set.labels().len(), len);
            for digit in 0..10 {
                let share = set.labels().iter().filter(|&&label| label == digit).count() as f64 / len as f64;
                assert!((0.07..0.13).contains(&share), "{split:?}: digit {digit} has a share of {share}");
            }
            assert!(set.labels().iter().all(|&label| label < 10));
        }
    }

    #[test]
    fn no_test_image_is_trained_on() {
        let (train, test) = (digits(Split::Train), digits(Split::Test));
        let seen: HashSet<&[u8]> = (0..train.len()).map(|i| train.image(i)).collect();
        assert!((0..test.len()).all(|i| !seen.contains(test.image(i))));
    }
}
