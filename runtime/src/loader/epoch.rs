//! The workers of one epoch, and the queue between them and the step.
//!
//! Positions of the epoch are handed out one by one, so a slow image holds up one worker only. The queue holds the
//! batches from the one to be taken next to the last that a worker may begin; each knows which of its samples are
//! missing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::order::order;
use super::work::{Made, Maker};
use super::{Batch, Loader, LoaderError, lock};

/// The batches of an epoch, in order. After an error there are no more.
pub struct Epoch<T> {
    shared: Arc<Shared<T>>,
    workers: Vec<JoinHandle<()>>,
    bad: Arc<Mutex<BTreeMap<usize, String>>>,
}

struct Shared<T> {
    maker: Maker<T>,
    /// The position after the epoch's last.
    end: usize,
    state: Mutex<State<T>>,
    /// Told when a batch is taken or the epoch stopped: workers wait for it.
    wanted: Condvar,
    /// Told when a batch is complete: the step waits for it.
    ready: Condvar,
}

struct State<T> {
    /// The position that the next idle worker takes.
    next: usize,
    /// The batch that the step takes next: the first of `queue`.
    batch: usize,
    queue: VecDeque<Pending<T>>,
    stopped: bool,
}

/// A batch in the making.
struct Pending<T> {
    made: Vec<Option<Made<T>>>,
    missing: usize,
}

impl<T> Pending<T> {
    fn of(samples: usize) -> Pending<T> {
        Pending { made: (0..samples).map(|_| None).collect(), missing: samples }
    }
}

impl<T: Send + 'static> Epoch<T> {
    pub(super) fn start(loader: &Loader<T>, epoch: u64, first: usize) -> Result<Epoch<T>, LoaderError> {
        let options = loader.options.clone();
        let len = loader.dataset.len();
        let maker = Maker {
            dataset: loader.dataset.clone(),
            work: loader.work.clone(),
            epoch,
            order: order(options.seed, epoch, len, options.shuffle),
            options,
        };
        let end = len.min(loader.batches() * maker.options.batch);
        let next = (first * maker.options.batch).min(end);
        let state = State { next, batch: first, queue: VecDeque::new(), stopped: false };
        let shared =
            Shared { maker, end, state: Mutex::new(state), wanted: Condvar::new(), ready: Condvar::new() };
        let mut epoch = Epoch { shared: Arc::new(shared), workers: Vec::new(), bad: loader.bad.clone() };
        for worker in 0..loader.options.workers.min(end - next) {
            let shared = epoch.shared.clone();
            let thread = std::thread::Builder::new().name(format!("loader {worker}"));
            // Where it fails, dropping the epoch stops the workers started before.
            epoch.workers.push(thread.spawn(move || shared.run()).map_err(LoaderError::Worker)?);
        }
        Ok(epoch)
    }
}

impl<T> Shared<T> {
    /// What a worker does.
    fn run(&self) {
        while let Some(position) = self.claim() {
            let made = self.maker.make(position);
            self.deliver(position, made);
        }
    }

    /// The next position within reach of the step; waits until there is one. Nothing when the epoch is over.
    fn claim(&self) -> Option<usize> {
        let batch = self.maker.options.batch;
        let mut state = lock(&self.state);
        loop {
            if state.stopped || state.next >= self.end {
                return None;
            }
            let ahead = state.next / batch - state.batch;
            if ahead <= self.maker.options.prefetch {
                if ahead == state.queue.len() {
                    let samples = batch.min(self.end - state.next);
                    state.queue.push_back(Pending::of(samples));
                }
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn deliver(&self, position: usize, made: Made<T>) {
        let (batch, slot) = (position / self.maker.options.batch, position % self.maker.options.batch);
        let mut state = lock(&self.state);
        let ahead = batch - state.batch; // a batch with a sample missing cannot have been taken
        let pending = &mut state.queue[ahead];
        pending.made[slot] = Some(made);
        pending.missing -= 1;
        if pending.missing == 0 {
            self.ready.notify_one();
        }
    }

    /// The next batch's samples, when all are there; nothing after the last.
    fn take(&self) -> Option<(usize, Vec<Option<Made<T>>>)> {
        let mut state = lock(&self.state);
        if state.stopped || state.batch * self.maker.options.batch >= self.end {
            return None;
        }
        loop {
            if state.queue.front().is_some_and(|pending| pending.missing == 0) {
                let index = state.batch;
                state.batch += 1;
                self.wanted.notify_all();
                return state.queue.pop_front().map(|pending| (index, pending.made));
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        lock(&self.state).stopped = true;
        self.wanted.notify_all();
    }
}

impl<T> Epoch<T> {
    /// Puts a batch together, and counts its unusable images, each once in the loader's life.
    fn assemble(&self, index: usize, made: Vec<Option<Made<T>>>) -> Result<Batch<T>, LoaderError> {
        let maker = &self.shared.maker;
        let (mut images, mut samples) = (Vec::with_capacity(made.len()), Vec::with_capacity(made.len()));
        let mut known = lock(&self.bad);
        for made in made.into_iter().flatten() {
            for (image, problem) in made.bad {
                known.entry(image).or_insert_with(|| problem.to_string());
                if known.len() > maker.options.bad_limit {
                    return Err(maker.too_many(known.len(), problem));
                }
            }
            let (image, sample) = made.sample?;
            images.push(image);
            samples.push(sample);
        }
        Ok(Batch { epoch: maker.epoch, index, images, samples })
    }
}

impl<T> Iterator for Epoch<T> {
    type Item = Result<Batch<T>, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, made) = self.shared.take()?;
        let batch = self.assemble(index, made);
        if batch.is_err() {
            self.shared.stop();
        }
        Some(batch)
    }
}

impl<T> Drop for Epoch<T> {
    /// Waits for the workers, each of which finishes the sample it is at.
    fn drop(&mut self) {
        self.shared.stop();
        for worker in self.workers.drain(..) {
            // A worker's panic has nowhere to go from here; those of the work were made errors.
            let _ = worker.join();
        }
    }
}
