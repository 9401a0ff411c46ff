//! What the compiler says about declarations: `ui/fail/NAME.rs` with the words in `NAME.stderr`, one rule each, and
//! `ui/pass/NAME.rs`, which compile.
//!
//! `TRYBUILD=overwrite cargo test -p equilayer-tests --test ui` writes the expected words anew; read them before they
//! are committed. They are the words of the pinned toolchain.

#[test]
fn declarations_compile_or_say_why() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
