#!/bin/sh
# Runs a fuzz target for some seconds with a stable compiler: coverage comes from LLVM's own pass, without sanitizers.
# Safe Rust needs none; panics, overflows, endless loops and too much memory are found all the same.
#
#     fuzz/run.sh TARGET SECONDS [options of libFuzzer]
set -eu
cd "$(dirname "$0")"
target=$1 seconds=$2
shift 2
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1"
# Instrumented for the target alone, not build scripts and macros.
RUSTFLAGS=$coverage cargo build --target "$host" --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
exec "target/$host/debug/$target" "corpus/$target" "seeds/$target" -artifact_prefix="artifacts/$target/" \
    -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 "$@"
