//! Plans by shape, for graphs whose shapes change from step to step.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::error::Error;
use crate::plan::Plan;

/// The plans used last, each under a key that tells its shapes apart. State is found by name in the executor, so all
/// of them train the same parameters.
#[derive(Debug)]
pub struct PlanCache<K> {
    capacity: usize,
    entries: FxHashMap<K, Entry>,
    uses: u64,
    hits: u64,
}

#[derive(Debug)]
struct Entry {
    plan: Arc<Plan>,
    last_use: u64,
}

impl<K: Hash + Eq + Clone> PlanCache<K> {
    /// An empty cache that keeps at most `capacity` plans. With 0 it keeps none and builds each time.
    pub fn new(capacity: usize) -> PlanCache<K> {
        PlanCache { capacity, entries: FxHashMap::default(), uses: 0, hits: 0 }
    }

    /// The plan kept under `key`; on a miss, the one that `build` makes, in place of the one unused for longest.
    ///
    /// # Errors
    /// What `build` returns; nothing is kept then.
    pub fn get_or_build(&mut self, key: K, build: impl FnOnce() -> Result<Plan, Error>) -> Result<Arc<Plan>, Error> {
        self.uses += 1;
        if let Some(entry) = self.entries.get_mut(&key) {
            self.hits += 1;
            entry.last_use = self.uses;
            return Ok(entry.plan.clone());
        }
        let plan = Arc::new(build()?);
        self.entries.insert(key, Entry { plan: plan.clone(), last_use: self.uses });
        if self.entries.len() > self.capacity {
            self.evict();
        }
        Ok(plan)
    }

    /// How many plans are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no plan is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How often a plan was there.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// How often one had to be built, successfully or not.
    pub fn misses(&self) -> u64 {
        self.uses - self.hits
    }

    /// Drops the plan unused for longest. The scan costs nothing beside the building that led here.
    fn evict(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.entries.remove(&oldest);
        }
    }
}
