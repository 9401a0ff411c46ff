#!/bin/sh
# Runs a fuzz target for some seconds with a stable compiler: coverage comes from LLVM's own pass, without sanitizers.
# Safe Rust needs none; panics, overflows, endless loops and too much memory are found all the same.
#
#     fuzz/run.sh TARGET SECONDS [options of libFuzzer]
set -eu
cd "$(dirname "$0")"
target=$1 seconds=$2
shift 2
RUSTC_WRAPPER="$PWD/instrumented.sh" cargo build --target-dir ../target --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
exec "../target/debug/$target" "corpus/$target" "seeds/$target" -artifact_prefix="artifacts/$target/" \
    -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 "$@"
