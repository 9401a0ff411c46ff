//! What tests on CUDA stand on: a GPU, emulated unless `EQUILAYER_GPU=real`, and the compiler NVRTC.
//!
//! A test begins with
//!
//! ```no_run
//! let Some(gpu) = equilayer_cuda_tests::gpu() else { return };
//! ```
//!
//! and goes on as if it had a GPU for itself. Without NVRTC, which is not NVIDIA's to give away with others' code, it
//! reports itself skipped and says how to get it; with `EQUILAYER_REQUIRE_NVRTC=1`, as CI sets it, that is a failure.

mod nvrtc;

use std::sync::{Mutex, MutexGuard, Once};

pub use equilayer_fake_driver as fake_driver;
pub use fake_driver::{Counters, Failure, InstallError, Order, Session, Settings, Status, install};
pub use nvrtc::{NvrtcError, load_nvrtc};

/// Set to `real`, tests use the GPU and the libraries that the machine has.
pub const GPU_VARIABLE: &str = "EQUILAYER_GPU";
/// Set to `1`, a test that would be skipped for want of NVRTC fails.
pub const REQUIRE_VARIABLE: &str = "EQUILAYER_REQUIRE_NVRTC";

/// A GPU for one test: others of the process wait.
pub struct Gpu {
    session: Option<Session>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Gpu {
    /// The fake driver's session, to set and ask what no real GPU knows; `None` on a real one.
    pub fn emulated(&self) -> Option<&Session> {
        self.session.as_ref()
    }
}

/// A GPU as [`Settings`] are by default, or `None` after saying why the test is skipped.
///
/// # Panics
/// If the fake driver cannot be installed; or without NVRTC, where [`REQUIRE_VARIABLE`] is `1`.
pub fn gpu() -> Option<Gpu> {
    gpu_with(Settings::default())
}

/// As [`gpu`]. A real GPU is as it is, whatever the settings.
///
/// # Panics
/// As [`gpu`].
pub fn gpu_with(settings: Settings) -> Option<Gpu> {
    static TURN: Mutex<()> = Mutex::new(());
    if std::env::var(GPU_VARIABLE).is_ok_and(|value| value == "real") {
        let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        return Some(Gpu { session: None, _turn: Some(turn) });
    }
    if !has_nvrtc() {
        return None;
    }
    match Session::new(settings) {
        Ok(session) => Some(Gpu { session: Some(session), _turn: None }),
        Err(error) => panic!("{error}"),
    }
}

/// Whether NVRTC is there, for tests that compile and need no GPU; says why the test is skipped where it is not.
///
/// # Panics
/// Without NVRTC, where [`REQUIRE_VARIABLE`] is `1`.
pub fn has_nvrtc() -> bool {
    let Err(missing) = load_nvrtc() else { return true };
    assert!(std::env::var(REQUIRE_VARIABLE).as_deref() != Ok("1"), "{missing}");
    static SAID: Once = Once::new();
    SAID.call_once(|| eprintln!("skipped, with all that needs it: {missing}"));
    false
}

/// A session of the fake driver, for tests that need no compiler.
///
/// # Panics
/// If the fake driver cannot be installed.
pub fn session(settings: Settings) -> Session {
    Session::new(settings).unwrap_or_else(|error| panic!("{error}"))
}
