//! Group elements as maps of pixels, each sampled once for all samples that share it.
//!
//! The elements of a batch are few (SER's two views of a sample come under at most four each), its samples many, and a
//! map of 224 × 224 pixels takes longer to sample than to apply.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::action::{GridMap, Interpolation, SampledMap};

/// Maps kept: of the batch at hand and the one begun after it.
const KEPT: usize = 16;

/// The maps sampled last, shared by all workers.
#[derive(Default)]
pub(super) struct PixelMaps {
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    map: GridMap,
    interpolation: Interpolation,
    sampled: Arc<SampledMap>,
}

impl PixelMaps {
    /// The map as a sparse matrix; nothing for a grid too large to be indexed.
    pub fn sampled(&self, map: &GridMap, interpolation: Interpolation) -> Option<Arc<SampledMap>> {
        if let Some(sampled) = self.find(map, interpolation) {
            return Some(sampled);
        }
        // Outside of the lock: two workers may sample one map, which costs less than waiting.
        let sampled = Arc::new(map.sample(interpolation).ok()?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(Kept { map: map.clone(), interpolation, sampled: sampled.clone() });
        Some(sampled)
    }

    fn find(&self, map: &GridMap, interpolation: Interpolation) -> Option<Arc<SampledMap>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|kept| kept.interpolation == interpolation && kept.map == *map);
        found.map(|kept| kept.sampled.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Grid;

    #[test]
    fn a_map_is_sampled_once_and_the_oldest_are_let_go() {
        let maps = PixelMaps::default();
        let grid = |side| GridMap::rescale(Grid::new(4, 4), Grid::new(side, 5));
        let get = |side, interpolation| maps.sampled(&grid(side), interpolation).expect("a small grid");
        let first = get(3, Interpolation::Bicubic);
        assert!(Arc::ptr_eq(&first, &get(3, Interpolation::Bicubic)));
        assert!(!Arc::ptr_eq(&first, &get(3, Interpolation::Bilinear)));
        assert_eq!(*first, grid(3).sample(Interpolation::Bicubic).expect("a small grid"));
        (4..4 + KEPT).for_each(|side| drop(get(side, Interpolation::Bicubic)));
        assert!(!Arc::ptr_eq(&first, &get(3, Interpolation::Bicubic)));
        assert_eq!(maps.kept.lock().expect("no panic").len(), KEPT);
    }
}
