//! The process's peak memory, where the system tells it.

/// Bytes of memory that the process had at most since [`reset_peak`], or since it started. Linux only.
pub fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kilobytes| 1024 * kilobytes)
}

/// Lets the peak start again from what the process has now, so that one workload's peak is not the next one's. Where the
/// system does not offer that, the peak stays that of the process.
pub fn reset_peak() {
    // proc(5): 5 resets the high-water mark. A system without it has no peak to reset, or keeps the process's.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_peak_rises_and_is_forgotten() {
        const BYTES: usize = 64 << 20;
        let before = peak_bytes().unwrap();
        let filled = std::hint::black_box(vec![1_u8; BYTES]);
        assert!(peak_bytes().unwrap() >= before.max(BYTES));
        drop(filled);
        let high = peak_bytes().unwrap();
        reset_peak();
        assert!(peak_bytes().unwrap() <= high - BYTES / 2, "{high}");
    }
}
