//! Kernels from text: NVRTC for the device's own architecture.
//!
//! The result is machine code (CUBIN), so a driver older than the compiler runs it too. The PTX of the same
//! compilation is kept for a driver that takes no machine code, as emulators do.

use std::ffi::CString;

use cudarc::nvrtc::result::{self, NvrtcError};
use cudarc::nvrtc::sys;

use super::error::DeviceError;

/// A compiled translation unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Machine code; empty where only PTX can be made.
    pub cubin: Vec<u8>,
    /// The same as PTX, ending in a zero.
    pub ptx: Vec<u8>,
}

/// What NVRTC compiles for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As NVRTC's option has it: `sm_90`, or `compute_90` for a device newer than the compiler.
    pub architecture: String,
    /// Version of NVRTC: other versions make other code.
    pub version: (i32, i32),
}

impl Target {
    /// The best target of the NVRTC that is there for a compute capability.
    ///
    /// # Errors
    /// No NVRTC, or one that knows no architecture that the device runs.
    pub fn of((major, minor): (i32, i32)) -> Result<Target, DeviceError> {
        super::library::compiler()?;
        let wanted = 10 * major + minor;
        let best = supported()?.into_iter().filter(|&known| known <= wanted).max();
        let Some(best) = best else {
            return Err(DeviceError::Compile {
                architecture: format!("sm_{wanted}"),
                reason: "this version knows newer architectures only".into(),
                log: "Install an older CUDA toolkit, or use the `cpu`".into(),
            });
        };
        let prefix = if best == wanted { "sm" } else { "compute" };
        Ok(Target { architecture: format!("{prefix}_{best}"), version: version()? })
    }
}

fn version() -> Result<(i32, i32), DeviceError> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both point to numbers.
    check(unsafe { sys::nvrtcVersion(&mut major, &mut minor) }, "nvrtcVersion")?;
    Ok((major, minor))
}

fn supported() -> Result<Vec<i32>, DeviceError> {
    let mut count = 0;
    // SAFETY: it writes one number.
    check(unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) }, "nvrtcGetNumSupportedArchs")?;
    let mut architectures = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: there is room for as many as it just said.
    check(unsafe { sys::nvrtcGetSupportedArchs(architectures.as_mut_ptr()) }, "nvrtcGetSupportedArchs")?;
    Ok(architectures)
}

fn check(status: sys::nvrtcResult, call: &str) -> Result<(), DeviceError> {
    status.result().map_err(|NvrtcError(status)| DeviceError::Compile {
        architecture: "any architecture".into(),
        reason: format!("{call} gives {status:?}"),
        log: String::new(),
    })
}

/// Compiles a translation unit.
///
/// # Errors
/// What NVRTC says of it.
pub fn compile(source: &str, target: &Target) -> Result<Image, DeviceError> {
    Ok(compile_with(source, target, &[])?.0)
}

/// Compiles a translation unit and gives the assembler's words on every kernel.
pub fn compile_verbosely(source: &str, target: &Target) -> Result<(Image, String), DeviceError> {
    compile_with(source, target, &["--ptxas-options=-v"])
}

fn compile_with(source: &str, target: &Target, more: &[&str]) -> Result<(Image, String), DeviceError> {
    let failure = |reason: String, log: String| DeviceError::Compile {
        architecture: target.architecture.clone(),
        reason,
        log,
    };
    let text = CString::new(source).map_err(|error| failure(error.to_string(), String::new()))?;
    let status = |NvrtcError(status)| failure(format!("{status:?}"), String::new());
    let program = Program(result::create_program(&text, None).map_err(status)?);
    let mut options = vec![format!("--gpu-architecture={}", target.architecture), "--std=c++17".into()];
    options.extend(more.iter().map(|&option| option.to_owned()));
    // SAFETY: the program was just made.
    let compiled = unsafe { result::compile_program(program.0, &options) };
    // SAFETY: as above.
    let log = text_of(&unsafe { result::get_program_log(program.0) }.unwrap_or_default());
    compiled.map_err(|NvrtcError(status)| {
        failure(format!("{status:?}"), log.lines().take(LINES).collect::<Vec<_>>().join("\n"))
    })?;
    // SAFETY: as above; it has been compiled.
    let ptx = unsafe { result::get_ptx(program.0) }.map_err(status)?;
    let ptx = ptx.into_iter().map(|letter| letter as u8).collect();
    let cubin =
        if target.architecture.starts_with("sm") { program.cubin().map_err(status)? } else { Vec::new() };
    Ok((Image { cubin, ptx }, log))
}

/// Lines of what NVRTC said that an error shows.
const LINES: usize = 20;

fn text_of(log: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = log.iter().map(|&letter| letter as u8).take_while(|&letter| letter != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Program(sys::nvrtcProgram);

impl Program {
    fn cubin(&self) -> Result<Vec<u8>, NvrtcError> {
        let mut size = 0;
        // SAFETY: the program lives; the buffer is as long as NVRTC asks for.
        unsafe {
            sys::nvrtcGetCUBINSize(self.0, &mut size).result()?;
            let mut cubin = vec![0u8; size];
            sys::nvrtcGetCUBIN(self.0, cubin.as_mut_ptr().cast()).result()?;
            Ok(cubin)
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made once, destroyed once. There is nothing to be done about a failure.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}
