//! Which vector instructions kernels use: the widest that the processor has, or those that [`VARIABLE`] names.
//!
//! The variable is read once, when the first executor starts, and holds for the process. It is there to run on one
//! machine what others run: all kernels obey it, and pass the same tests.

use std::sync::OnceLock;

use pulp::Arch;

use crate::error::Error;

/// The environment variable that names the instructions: `avx512`, `avx2` or `portable`.
pub const VARIABLE: &str = "EQUILAYER_ISA";

static CHOSEN: OnceLock<Result<Choice, String>> = OnceLock::new();

/// Instructions, and whether they were asked for.
#[derive(Clone, Copy)]
struct Choice {
    arch: Arch,
    asked: bool,
}

/// Instructions for loops to be compiled for.
#[inline]
pub fn arch() -> Arch {
    chosen().as_ref().map_or_else(|_| Arch::new(), |choice| choice.arch)
}

/// Instructions that were asked for by name; nothing where the widest are used because nobody asked.
pub fn asked() -> Option<Arch> {
    chosen().as_ref().ok().filter(|choice| choice.asked).map(|choice| choice.arch)
}

/// Whether [`VARIABLE`], if it is set, names instructions that this machine has.
///
/// # Errors
/// A name that is unknown, or of instructions that the processor does not have; the message says which it has.
pub fn check_instructions() -> Result<(), Error> {
    chosen().as_ref().map(|_| ()).map_err(|message| Error::Executor(message.clone()))
}

/// The vector instructions that kernels use.
pub fn instruction_set() -> &'static str {
    match arch() {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => "NEON",
        _ => "scalar",
    }
}

fn chosen() -> &'static Result<Choice, String> {
    CHOSEN.get_or_init(|| {
        let value = std::env::var_os(VARIABLE);
        choose(value.as_ref().map(|value| value.to_string_lossy()).as_deref())
    })
}

fn choose(name: Option<&str>) -> Result<Choice, String> {
    let Some(name) = name else { return Ok(Choice { arch: Arch::new(), asked: false }) };
    let has = available();
    match has.iter().find(|(known, _)| *known == name) {
        Some(&(_, arch)) => Ok(Choice { arch, asked: true }),
        None => {
            let known: Vec<&str> = has.iter().map(|&(known, _)| known).collect();
            Err(format!(
                "{VARIABLE} is `{name}`; this processor has {}; unset it to use the widest",
                known.join(", ")
            ))
        }
    }
}

/// Names of the instructions that this processor has, with what runs them.
fn available() -> Vec<(&'static str, Arch)> {
    let mut has = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        has.extend(pulp::x86::V4::try_new().map(|simd| ("avx512", Arch::V4(simd))));
        has.extend(pulp::x86::V3::try_new().map(|simd| ("avx2", Arch::V3(simd))));
    }
    #[cfg(target_arch = "aarch64")]
    has.extend(pulp::aarch64::Neon::try_new().map(|simd| ("neon", Arch::Neon(simd))));
    has.push(("portable", Arch::Scalar));
    has
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_processor_has_can_be_asked_for() {
        for (name, _) in available() {
            assert!(choose(Some(name)).is_ok_and(|choice| choice.asked), "{name}");
        }
        assert!(choose(None).is_ok_and(|choice| !choice.asked));
    }

    #[test]
    fn an_unknown_name_is_told_with_those_that_are_known() {
        let message = choose(Some("AVX9")).err().unwrap_or_default();
        assert!(message.starts_with("EQUILAYER_ISA is `AVX9`; this processor has "), "{message}");
        assert!(message.ends_with("portable; unset it to use the widest"), "{message}");
        assert!(choose(Some("")).is_err());
    }
}
