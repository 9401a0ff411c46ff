//! Planted bugs: each is reported, with the thread, the address and the lines of PTX and CUDA; and a twin without the
//! bug, which is as like it as can be, is not.

use cudarc::driver::{LaunchConfig, PushKernelArg};

use crate::device::{Device, blocks};

/// A kernel `k(float* a, int n)` on 128 numbers, with the macro BUG set to 1 or 0.
struct Planted {
    name: &'static str,
    source: &'static str,
    /// What the report says.
    report: &'static str,
    /// The line of the source that it names, from 1.
    line: u32,
    grid: u32,
    block: u32,
    /// Whether the numbers were written before.
    filled: bool,
}

const fn planted(name: &'static str, source: &'static str, report: &'static str, line: u32) -> Planted {
    Planted { name, source, report, line, grid: 2, block: 64, filled: true }
}

const PLANTED: &[Planted] = &[
    planted(
        "write past the end",
        "int i = blockIdx.x * blockDim.x + threadIdx.x;\n if (i < n - 1 + BUG) a[i + 1] = 1.f;",
        "4 bytes past the end",
        2,
    ),
    planted(
        "read before the start",
        "int i = blockIdx.x * blockDim.x + threadIdx.x;\n float v = a[i - (BUG && i == 0 ? 1 : 0)];\n a[i] = v;",
        "no allocation is at",
        2,
    ),
    Planted {
        filled: false,
        ..planted(
            "uninitialised global memory",
            "int i = blockIdx.x * blockDim.x + threadIdx.x;\n if (!BUG) a[i] = 0.f;\n a[i] += 1.f;",
            "uninitialised global memory",
            3,
        )
    },
    planted(
        "uninitialised shared memory",
        "__shared__ float s[64]; int i = threadIdx.x;\n if (!BUG || i) s[i] = i;\n __syncthreads();\n a[blockIdx.x * 64 + i] = s[63 - i];",
        "uninitialised shared memory",
        4,
    ),
    planted(
        "uninitialised local memory",
        "volatile float v[8]; int i = blockIdx.x * blockDim.x + threadIdx.x;\n v[n & 7] = i;\n if (!BUG) v[(n + 1) & 7] = 2;\n a[i] = v[(n + 1) & 7];",
        "uninitialised local memory",
        4,
    ),
    planted(
        "no barrier between write and read",
        "__shared__ float s[64]; int i = threadIdx.x;\n s[i] = i;\n if (!BUG) __syncthreads();\n a[blockIdx.x * 64 + i] = s[63 - i];",
        "shared memory",
        4,
    ),
    planted(
        "no barrier between read and next write",
        "__shared__ float s[64]; int i = threadIdx.x; float sum = 0;\n for (int t = 0; t < 4; t++) {\n  s[i] = i + t;\n  __syncthreads();\n  sum += s[63 - i];\n  if (!BUG) __syncthreads();\n }\n a[blockIdx.x * 64 + i] = sum;",
        "race on shared memory",
        5,
    ),
    planted(
        "past a shared array, into its neighbour",
        "__shared__ float s[64]; __shared__ float t[64]; int i = threadIdx.x;\n s[i + (BUG && n > 0)] = i;\n t[i] = 1;\n __syncthreads();\n a[blockIdx.x * 64 + i] = s[i ? i : 1] + t[i];",
        "shared memory out of bounds",
        2,
    ),
    planted(
        "threads of a block write one place",
        "int i = threadIdx.x;\n a[blockIdx.x * 64 + (BUG ? i & 31 : i)] = 1.f;",
        "write-after-write race on global memory",
        2,
    ),
    planted(
        "blocks add without atomics",
        "if (threadIdx.x == 0) {\n if (BUG) a[0] += 1.f;\n else atomicAdd(&a[0], 1.f);\n }",
        "race on global memory",
        2,
    ),
    planted(
        "a block reads what another writes",
        "int i = blockIdx.x * 64 + threadIdx.x;\n float v = a[BUG ? 127 - i : i];\n a[i] = v + 1.f;",
        "race on global memory",
        2,
    ),
    planted(
        "a barrier that half a block skips",
        "if (!BUG || threadIdx.x < 48)\n  __syncthreads();\n a[blockIdx.x * 64 + threadIdx.x] = 1;",
        "barrier divergence",
        2,
    ),
    planted(
        "a barrier after an early return",
        "if (BUG && threadIdx.x >= 40) return;\n a[blockIdx.x * 64 + threadIdx.x] = 1;\n __syncthreads();\n a[blockIdx.x * 64 + threadIdx.x] += 1;",
        "have returned, and never reach the barrier",
        3,
    ),
    planted(
        "warps at different barriers",
        "if (BUG && threadIdx.x < 32) {\n __syncthreads();\n a[blockIdx.x * 64 + threadIdx.x] = 2;\n } else {\n __syncthreads();\n a[blockIdx.x * 64 + threadIdx.x] = 3;\n }",
        "barrier divergence",
        5,
    ),
    planted(
        "a shuffle from a lane that is not there",
        "int i = threadIdx.x;\n if ((i & 31) < 16)\n  a[blockIdx.x * 64 + i] = __shfl_xor_sync(0xffffu, (float)i, BUG ? 16 : 8);",
        "does not take part",
        3,
    ),
    planted(
        "a full mask in divergent code",
        "int i = threadIdx.x;\n if (!BUG || (i & 31) < 20)\n  a[blockIdx.x * 64 + i] = __shfl_down_sync(0xffffffffu, (float)i, 1);",
        "warp divergence",
        3,
    ),
    planted(
        "lanes that disagree on the mask",
        "int i = threadIdx.x;\n unsigned m = BUG && (i & 1) ? 0x7fffffffu : 0xffffffffu;\n a[blockIdx.x * 64 + i] = __shfl_xor_sync(m, (float)i, 1);",
        "names the member mask",
        3,
    ),
    planted(
        "a misaligned vector",
        "if (threadIdx.x == 0)\n  *(float4*)(a + BUG + 4 * blockIdx.x) = make_float4(1, 2, 3, 4);",
        "misaligned",
        2,
    ),
    planted(
        "lockstep taken for granted",
        "__shared__ float s[64]; int i = threadIdx.x;\n s[i] = i;\n __syncthreads();\n float v = i < 16 ? s[i + 8] : 0.f;\n if (!BUG) __syncwarp();\n if (i < 16) s[i] = v;\n if (!BUG) __syncwarp();\n a[blockIdx.x * 64 + i] = v;",
        "race on shared memory",
        6,
    ),
    planted(
        "two threads write halves of the same value",
        "unsigned short* h = (unsigned short*)a; int i = blockIdx.x * 64 + threadIdx.x;\n h[BUG ? i >> 1 : i] = 1;",
        "write-after-write race on global memory",
        2,
    ),
    planted(
        "an integer divided by zero",
        "int i = blockIdx.x * 64 + threadIdx.x;\n a[i] = i / (int)(blockIdx.x + 1 - BUG);",
        "integer division by zero",
        2,
    ),
    planted(
        "a copy used before it landed",
        "__shared__ __align__(16) float s[256]; int i = threadIdx.x;\n unsigned to = (unsigned)__cvta_generic_to_shared(s + 4 * (i & 15));\n asm volatile(\"cp.async.ca.shared.global [%0], [%1], 16;\" :: \"r\"(to + 256 * (i >> 4)), \"l\"(a + 4 * (i & 15)));\n if (!BUG) asm volatile(\"cp.async.wait_all;\" ::: \"memory\");\n __syncthreads();\n if (blockIdx.x == 0) a[64 + i] = s[i];",
        "uninitialised shared memory",
        6,
    ),
    planted(
        "a trap",
        "if (BUG && threadIdx.x == 5)\n  __trap();\n a[blockIdx.x * 64 + threadIdx.x] = 1.f;",
        "trap",
        2,
    ),
];

/// The source of a kernel. Its own lines count from 1.
fn source(planted: &Planted, bug: bool) -> String {
    format!(
        "#define BUG {}\nextern \"C\" __global__ void k(float* a, int n) {{\n#line 1\n{}\n}}\n",
        u8::from(bug),
        planted.source
    )
}

/// What the kernel did: nothing wrong, or a report.
fn outcome(device: &Device, planted: &Planted, bug: bool) -> Result<(), String> {
    let kernel = device.module(&source(planted, bug)).load_function("k").unwrap();
    let count = 128;
    let mut numbers = if planted.filled {
        device.stream.alloc_zeros::<f32>(count).unwrap()
    } else {
        // SAFETY: that nothing is in it is what is tested.
        unsafe { device.stream.alloc::<f32>(count) }.unwrap()
    };
    let mut launch = device.stream.launch_builder(&kernel);
    let length = count as i32;
    launch.arg(&mut numbers).arg(&length);
    // SAFETY: the arguments are the kernel's; what it does wrong with them, the emulator reports.
    let launched = unsafe { launch.launch(blocks(planted.grid, planted.block)) }.map(|_| ());
    launched.and_then(|()| device.stream.synchronize()).map_err(|error| error.to_string())
}

#[test]
fn every_planted_bug_is_reported_with_thread_address_and_line() {
    let mut missed = Vec::new();
    for planted in PLANTED {
        let Some(device) = Device::new() else { return };
        if device.gpu.emulated().is_none() {
            return; // A GPU says nothing of most of them.
        }
        match outcome(&device, planted, true) {
            Ok(()) => missed.push(format!("{}: not reported", planted.name)),
            Err(report) => {
                println!("{}: {report}", planted.name);
                let line = format!("kernel.cu:{}:", planted.line);
                let thread = "kernel k, block (";
                if ![planted.report, &line, thread, "thread (", "PTX line "]
                    .iter()
                    .all(|part| report.contains(part))
                {
                    missed.push(format!("{} (wants {} at {line}): {report}", planted.name, planted.report));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn twins_without_the_bug_are_clean() {
    for planted in PLANTED {
        let Some(device) = Device::new() else { return };
        if let Err(report) = outcome(&device, planted, false) {
            panic!("{}: {report}", planted.name);
        }
    }
}

#[test]
fn what_no_line_can_be_named_for_is_reported_too() {
    let Some(device) = Device::new() else { return };
    let Some(session) = device.gpu.emulated() else { return };
    session.set(|settings| settings.step_limit = 10_000);
    let source =
        "extern \"C\" __global__ void k(float* a, int n) { volatile float* v = a; while (v[0] != 2.f) {} }";
    let kernel = device.module(source).load_function("k").unwrap();
    let numbers = device.stream.alloc_zeros::<f32>(32).unwrap();
    let mut launch = device.stream.launch_builder(&kernel);
    launch.arg(&numbers).arg(&32i32);
    // SAFETY: the arguments are the kernel's.
    unsafe { launch.launch(blocks(1, 32)) }.unwrap();
    let report = device.stream.synchronize().unwrap_err().to_string();
    assert!(report.contains("no end after 10000 warp instructions"), "{report}");
}

#[test]
fn shared_memory_beyond_the_limit_is_refused_at_launch() {
    let Some(device) = Device::new() else { return };
    let source = "extern \"C\" __global__ void k(float* a, int n) { extern __shared__ float s[]; s[threadIdx.x] = 1; a[threadIdx.x] = s[threadIdx.x]; }";
    let kernel = device.module(source).load_function("k").unwrap();
    let mut numbers = device.stream.alloc_zeros::<f32>(32).unwrap();
    let config = LaunchConfig { shared_mem_bytes: 60_000, ..blocks(1, 32) };
    let mut launch = device.stream.launch_builder(&kernel);
    launch.arg(&mut numbers).arg(&32i32);
    // SAFETY: the arguments are the kernel's.
    assert!(unsafe { launch.launch(config) }.is_err(), "without opting in");
    let attribute =
        cudarc::driver::sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    kernel.set_attribute(attribute, 60_000).unwrap();
    // SAFETY: as above.
    unsafe { launch.launch(config) }.unwrap();
    assert_eq!(device.stream.clone_dtoh(&numbers).unwrap(), [1.0; 32]);
}
