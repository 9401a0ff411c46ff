//! Names the shared object as the driver's, and lets it find links to itself beside it (see `src/install.rs`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcuda.so");
    // DT_RPATH and not DT_RUNPATH, so that LD_LIBRARY_PATH does not come first.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--disable-new-dtags,-rpath,$ORIGIN/fake-driver");
}
