//! What kernels take of a multiprocessor, as the assembler in NVRTC says when it is asked to be verbose. Needs NVRTC
//! and no GPU.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::compile::{Target, compile_verbosely};
use super::error::DeviceError;
use super::kernels::{UNIT, translation_unit};
use super::task::Kernel;

/// What a kernel takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resources {
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory of a block.
    pub shared_bytes: u32,
    /// Bytes of a thread's own that lie in device memory: arrays that are indexed by what is not known beforehand, and
    /// registers that were spilled.
    pub local_bytes: u32,
    /// Bytes of registers that did not fit, stored and loaded.
    pub spilled_bytes: u32,
    /// Instructions on `f64`, whose rate is a 64th of `f32`'s on most GPUs.
    pub f64_instructions: u32,
    /// Multiply-adds of a thread in its text, of `f32` and its share of the tensor cores'; loops that are unrolled count as
    /// often as they run.
    pub multiply_adds: u32,
    /// Reads of shared memory in its text; one of four numbers counts two, one of four matrices four.
    pub shared_loads: u32,
    /// Reads of device memory in its text.
    pub global_loads: u32,
    /// Bytes of these reads.
    pub global_bytes: u32,
}

impl Resources {
    /// The larger of each.
    pub fn most(self, other: Resources) -> Resources {
        Resources {
            registers: self.registers.max(other.registers),
            shared_bytes: self.shared_bytes.max(other.shared_bytes),
            local_bytes: self.local_bytes.max(other.local_bytes),
            spilled_bytes: self.spilled_bytes.max(other.spilled_bytes),
            f64_instructions: self.f64_instructions.max(other.f64_instructions),
            multiply_adds: self.multiply_adds.max(other.multiply_adds),
            shared_loads: self.shared_loads.max(other.shared_loads),
            global_loads: self.global_loads.max(other.global_loads),
            global_bytes: self.global_bytes.max(other.global_bytes),
        }
    }
}

/// Compiles kernels for an architecture, and tells what each takes, by name.
///
/// # Errors
/// No NVRTC, a kernel that it does not compile, or one of which it says nothing.
pub fn resources(
    kernels: &[Arc<Kernel>],
    target: &Target,
) -> Result<BTreeMap<String, Resources>, DeviceError> {
    let kernels: Vec<&Arc<Kernel>> = kernels.iter().collect();
    let units: Vec<_> = kernels
        .par_chunks(UNIT)
        .map(|unit| {
            let (image, log) = compile_verbosely(&translation_unit(unit), target)?;
            let mut found = read_log(&log);
            count(&String::from_utf8_lossy(&image.ptx), &mut found);
            Ok(found)
        })
        .collect::<Result<_, DeviceError>>()?;
    let found: BTreeMap<String, Resources> = units.into_iter().flatten().collect();
    match kernels.iter().find(|kernel| found.get(&kernel.name).is_none_or(|found| found.registers == 0)) {
        None => Ok(found),
        Some(kernel) => Err(DeviceError::Compile {
            architecture: target.architecture.clone(),
            reason: format!("nothing is said of what {} takes", kernel.name),
            log: "NVRTC 11.8 to 13 are known to".into(),
        }),
    }
}

/// What the assembler says, kernel by kernel.
fn read_log(log: &str) -> BTreeMap<String, Resources> {
    let mut found: BTreeMap<String, Resources> = BTreeMap::new();
    let mut kernel = String::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            kernel = rest.split('\'').next().unwrap_or_default().into();
            continue;
        }
        let Some(of) = (!kernel.is_empty()).then(|| found.entry(kernel.clone()).or_default()) else {
            continue;
        };
        let before = |unit: &str| number_before(line, unit);
        if line.contains("bytes stack frame") {
            of.local_bytes = before("bytes stack frame");
            of.spilled_bytes = before("bytes spill stores") + before("bytes spill loads");
        } else if line.contains("Used ") {
            of.registers = before("registers");
            of.shared_bytes = before("bytes smem");
        }
    }
    found
}

/// The whole number that stands before some words; 0 where they are not said.
fn number_before(line: &str, words: &str) -> u32 {
    let before = line.find(words).map(|at| line[..at].trim_end());
    before.and_then(|text| text.rsplit([' ', ':', ',']).next()?.parse().ok()).unwrap_or(0)
}

/// Multiply-adds of a product of fragments, 16 by 8 by 16, that are a lane's.
const OF_FRAGMENTS: u32 = 16 * 8 * 16 / 32;

/// Counts the instructions of each kernel of a PTX text.
fn count(ptx: &str, found: &mut BTreeMap<String, Resources>) {
    let mut kernel = "";
    for line in ptx.lines() {
        if let Some((_, rest)) = line.split_once(".entry ") {
            kernel = rest.split('(').next().unwrap_or_default().trim();
            continue;
        }
        // Declarations begin with a dot, instructions may stand behind a predicate.
        let instruction = line.split_whitespace().find(|word| !word.starts_with('@')).unwrap_or_default();
        let Some(of) = found.get_mut(kernel).filter(|_| !instruction.starts_with('.')) else { continue };
        of.f64_instructions += u32::from(instruction.contains(".f64"));
        of.multiply_adds += u32::from(instruction.starts_with("fma.rn.f32"));
        of.multiply_adds += OF_FRAGMENTS * u32::from(instruction.starts_with("mma.sync.aligned.m16n8k16"));
        if instruction.starts_with("ld.shared") {
            // What all lanes of a row read is sent once, so that four numbers cost less than four.
            of.shared_loads += 1 + u32::from(instruction.contains(".v4."));
        } else if instruction.starts_with("ldmatrix") {
            // Rows of 16 bytes, all of them others: a matrix takes all banks.
            of.shared_loads += if instruction.contains(".x4.") { 4 } else { 2 };
        } else if instruction.starts_with("ld.global") {
            of.global_loads += 1;
            of.global_bytes += bytes(instruction);
        }
    }
}

/// Bytes that a load brings, by its name: `ld.global.nc.v4.f32`, say.
fn bytes(load: &str) -> u32 {
    let numbers = if load.contains(".v4.") {
        4
    } else if load.contains(".v2.") {
        2
    } else {
        1
    };
    let bits = load.rsplit('.').next().and_then(|kind| kind.get(1..)?.parse::<u32>().ok());
    numbers * bits.unwrap_or(32) / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_assembler_says_is_read() {
        let log = "ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'large' for 'sm_80'
ptxas info    : Function properties for large
ptxas         .     48 bytes stack frame, 16 bytes spill stores, 24 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 48 bytes cumulative stack size, 1200 bytes smem, 360 bytes cmem[0]
ptxas info    : Compiling entry function 'small' for 'sm_80'
ptxas info    : Function properties for small
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
";
        let large = Resources {
            registers: 255,
            shared_bytes: 1200,
            local_bytes: 48,
            spilled_bytes: 40,
            ..Resources::default()
        };
        let small = Resources { registers: 8, ..Resources::default() };
        assert_eq!(read_log(log), BTreeMap::from([("large".into(), large), ("small".into(), small)]));
        assert_eq!(large.most(small), large);
    }

    #[test]
    fn instructions_are_counted_by_kernel() {
        let ptx = ".visible .entry one(\n.reg .f64 %fd<2>;\nmul.f64 %fd1, %fd2, %fd3;\n@%p1 cvt.rn.f32.f64 %f1, %fd1;\n\
                   .visible .entry two(\nfma.rn.f32 %f1, %f2, %f3, %f4;\nld.shared.f32 %f1, [%r1];\n\
                   ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r1];\n\
                   .visible .entry three(\nld.global.nc.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];\n\
                   ld.global.u16 %rs1, [%rd1];\nldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r5];\n\
                   mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1, %f2, %f3, %f4}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%f1, %f2, %f3, %f4};\n";
        let mut found =
            BTreeMap::from(["one", "two", "three"].map(|name| (name.to_owned(), Resources::default())));
        count(ptx, &mut found);
        assert_eq!(found["one"], Resources { f64_instructions: 2, ..Resources::default() });
        assert_eq!(found["two"], Resources { multiply_adds: 1, shared_loads: 3, ..Resources::default() });
        let [multiply_adds, shared_loads, global_loads, global_bytes] = [64, 4, 2, 18];
        let three =
            Resources { multiply_adds, shared_loads, global_loads, global_bytes, ..Resources::default() };
        assert_eq!(found["three"], three);
    }
}
