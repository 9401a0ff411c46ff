//! What tests say to the driver and ask of it.

use std::sync::{Mutex, MutexGuard};

use equilayer_ptx_emulator::{Statistics, Usage};

use crate::install::{InstallError, driver};
use crate::state::{Driver, State};
use crate::status::Status;

/// What kind of device it is, and what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of device memory.
    pub memory: u64,
    /// Compute capability: major and minor.
    pub capability: (u32, u32),
    /// How many devices there are; all are the one.
    pub devices: u32,
    /// Whether allocation in a stream's order is said to be supported.
    pub memory_pools: bool,
    /// Reads of memory that nothing wrote are errors.
    pub initialisation: bool,
    /// Data races are errors.
    pub races: bool,
    /// Shuffles the order of blocks and warps; 0 does not.
    pub seed: u64,
    /// Approximate instructions are off by what NVIDIA allows them.
    pub noise: bool,
    /// Instructions of warps after which a kernel is taken for endless.
    pub step_limit: u64,
    /// When streams run what was put on them.
    pub order: Order,
}

/// When streams run what was put on them. All of these may happen on a GPU; what is right under each of them waits where it
/// must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// When somebody waits for it.
    #[default]
    Late,
    /// When it is put there.
    AtOnce,
    /// When somebody waits for another stream: before what that one has.
    OthersFirst,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory: 2 << 30,
            capability: (8, 0),
            devices: 1,
            memory_pools: true,
            initialisation: true,
            races: true,
            seed: 0,
            noise: false,
            step_limit: 2_000_000_000,
            order: Order::default(),
        }
    }
}

/// A failure to be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which call fails: its place in [`Session::calls`], from 0.
    pub call: usize,
    /// With what.
    pub status: Status,
    /// Whether all calls after it fail too: the device is lost.
    pub lasting: bool,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Kernels run.
    pub launches: u64,
    /// Products of matrices run.
    pub products: u64,
    /// Graphs launched.
    pub graph_launches: u64,
    /// Instructions of all kernels.
    pub instructions: u64,
    /// Device memory.
    pub memory: Usage,
    /// Pinned allocations of the host.
    pub pinned: usize,
    /// Streams, events, modules, graphs and contexts that live.
    pub objects: usize,
}

/// The device, fresh and for one test alone.
///
/// Tests of one process take turns: a second session waits until the first is dropped.
pub struct Session {
    driver: &'static Driver,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Session {
    /// Installs the driver where that was not done, and begins with a device as `settings` say.
    ///
    /// # Errors
    /// If the driver cannot be installed.
    pub fn new(settings: Settings) -> Result<Self, InstallError> {
        // A test that failed has poisoned nothing: the state begins anew.
        let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let session = Self { driver: driver()?, _turn: turn };
        session.driver.with(|state| {
            let number = state.session + 1;
            *state = State::new(settings);
            state.session = number;
        });
        Ok(session)
    }

    /// Changes settings on the way; memory and capability stay as they were told to who asked before.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.driver.with(|state| change(&mut state.settings));
    }

    /// Lets a call fail.
    pub fn fail(&self, failure: Failure) {
        self.driver.with(|state| state.failures.push(failure));
    }

    /// The names of all calls so far, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.driver.with(|state| state.calls.clone())
    }

    /// What was found wrong so far: faults of kernels, refused calls.
    pub fn reports(&self) -> Vec<String> {
        self.driver.with(|state| state.reports.clone())
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.driver.with(|state| state.counters())
    }

    /// How often each kernel ran and what it took, by name.
    pub fn kernels(&self) -> Vec<(String, u64, Statistics)> {
        self.driver.with(|state| {
            let mut kernels: Vec<_> =
                state.kernels.iter().map(|(name, (runs, total))| (name.clone(), *runs, *total)).collect();
            kernels.sort_by(|a, b| a.0.cmp(&b.0));
            kernels
        })
    }
}
