#!/bin/sh
# Stands before rustc: adds LLVM's coverage to the readers and the targets. (Not to equilayer-grammar: the macros, which run
# inside the compiler, are linked with it.)
case " $* " in
    *" --crate-name equilayer "* | *"fuzz_targets/"*)
        exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares
        ;;
esac
exec "$@"
