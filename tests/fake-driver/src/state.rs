//! All that the driver knows, behind one lock.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex};

use equilayer_ptx_emulator::{Heap, Options, Statistics};

use crate::module::{Function, LoadedModule, VARIABLES_BASE};
use crate::session::{Counters, Failure, Settings};
use crate::status::{Outcome, Status};
use crate::stream::{Event, Stream};
use crate::work::Work;

/// A handle that C code holds: never 0, and not reused.
pub(crate) type Handle = usize;

/// The driver of a process.
pub(crate) struct Driver {
    state: Mutex<Option<State>>,
}

impl Driver {
    /// The one of this object: of the shared object in its code, of the test in the test's.
    pub fn get() -> &'static Self {
        static DRIVER: Driver = Driver { state: Mutex::new(None) };
        &DRIVER
    }

    pub fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        act(state.get_or_insert_with(|| State::new(Settings::default())))
    }
}

pub(crate) struct State {
    /// Counts sessions: what a thread remembers of one means nothing in the next.
    pub session: u64,
    pub settings: Settings,
    pub initialised: bool,
    /// How often the primary context was retained.
    pub retained: usize,
    pub heap: Heap,
    pub streams: HashMap<Handle, Stream>,
    pub events: HashMap<Handle, Event>,
    pub modules: HashMap<Handle, LoadedModule>,
    pub functions: HashMap<Handle, Function>,
    pub graphs: HashMap<Handle, Arc<Vec<Work>>>,
    pub executables: HashMap<Handle, Arc<Vec<Work>>>,
    /// Pinned memory of the host, by address.
    pub pinned: HashMap<usize, Box<[u8]>>,
    /// cuBLAS handles and the stream each works on.
    pub blas: HashMap<Handle, Handle>,
    next_handle: Handle,
    /// Where the next module's variables go.
    pub next_variables: u64,
    /// An error that stays: the context is lost.
    pub lost: Option<Status>,
    pub reports: Vec<String>,
    /// The last report, as `cuGetErrorString` gives it, and the status it belongs to.
    pub last_report: Option<(Status, CString)>,
    pub calls: Vec<&'static str>,
    pub failures: Vec<Failure>,
    pub launches: u64,
    pub products: u64,
    pub graph_launches: u64,
    pub kernels: HashMap<String, (u64, Statistics)>,
}

impl State {
    pub fn new(settings: Settings) -> Self {
        Self {
            session: 0,
            settings,
            initialised: false,
            retained: 0,
            heap: Heap::new(settings.memory),
            streams: HashMap::from([(0, Stream::default())]),
            events: HashMap::new(),
            modules: HashMap::new(),
            functions: HashMap::new(),
            graphs: HashMap::new(),
            executables: HashMap::new(),
            pinned: HashMap::new(),
            blas: HashMap::new(),
            next_handle: 0x1000,
            next_variables: VARIABLES_BASE,
            lost: None,
            reports: Vec::new(),
            last_report: None,
            calls: Vec::new(),
            failures: Vec::new(),
            launches: 0,
            products: 0,
            graph_launches: 0,
            kernels: HashMap::new(),
        }
    }

    pub fn handle(&mut self) -> Handle {
        self.next_handle += 16;
        self.next_handle
    }

    /// Notes what is wrong, and fails.
    pub fn refuse<T>(&mut self, status: Status, report: impl Into<String>) -> Outcome<T> {
        let report = report.into();
        let text = CString::new(report.replace('\0', " ")).unwrap_or_default();
        self.last_report = Some((status, text));
        self.reports.push(report);
        Err(status)
    }

    pub fn options(&self) -> Options {
        Options {
            initialisation: self.settings.initialisation,
            races: self.settings.races,
            seed: self.settings.seed,
            noise: self.settings.noise,
            step_limit: self.settings.step_limit,
        }
    }

    pub fn counters(&self) -> Counters {
        Counters {
            launches: self.launches,
            products: self.products,
            graph_launches: self.graph_launches,
            instructions: self.kernels.values().map(|(_, total)| total.lane_instructions).sum(),
            memory: self.heap.usage(),
            pinned: self.pinned.len(),
            objects: self.retained + self.streams.len() - 1
                + self.events.len()
                + self.modules.len()
                + self.graphs.len()
                + self.executables.len()
                + self.blas.len(),
        }
    }

    pub fn stream(&mut self, stream: Handle) -> Outcome<&mut Stream> {
        self.streams.get_mut(&stream).ok_or(Status::INVALID_HANDLE)
    }
}
