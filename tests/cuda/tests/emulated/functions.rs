//! CUDA's own mathematics, as NVRTC inlines it, against the host's: long sequences of real instructions whose right
//! answers are known. What is measured is the emulator, with ideal approximate instructions.

use cudarc::driver::{LaunchConfig, PushKernelArg};

use crate::device::Device;

/// An expression of `x`, what it means, the range of |x|, and the error allowed in ulp: the bounds of the *CUDA C++
/// Programming Guide*, "Mathematical Functions", or 0 and 0.5 where IEEE leaves no choice.
struct Function {
    expression: &'static str,
    meaning: fn(f64) -> f64,
    range: f32,
    bound: f64,
}

const fn function(expression: &'static str, meaning: fn(f64) -> f64, range: f32, bound: f64) -> Function {
    Function { expression, meaning, range, bound }
}

const FUNCTIONS: &[Function] = &[
    function("expf(x)", f64::exp, 20.0, 2.0),
    function("exp2f(x)", f64::exp2, 20.0, 2.0),
    function("expm1f(x)", f64::exp_m1, 10.0, 2.0),
    function("logf(fabsf(x))", |x| x.abs().ln(), 50.0, 1.0),
    function("log2f(fabsf(x))", |x| x.abs().log2(), 50.0, 1.0),
    function("log10f(fabsf(x))", |x| x.abs().log10(), 50.0, 2.0),
    function("log1pf(fabsf(x))", |x| x.abs().ln_1p(), 50.0, 1.0),
    function("sinf(x)", f64::sin, 10.0, 2.0),
    function("cosf(x)", f64::cos, 10.0, 2.0),
    function("sinf(x*1e7f)", |x| f64::from(x as f32 * 1e7).sin(), 1.0, 2.0),
    function("tanf(x)", f64::tan, 3.0, 4.0),
    function("tanhf(x)", f64::tanh, 6.0, 2.0),
    function("sinhf(x)", f64::sinh, 6.0, 3.0),
    function("coshf(x)", f64::cosh, 6.0, 2.0),
    function("asinf(x)", f64::asin, 0.99, 2.0),
    function("acosf(x)", f64::acos, 0.99, 2.0),
    function("atanf(x)", f64::atan, 9.0, 2.0),
    function("cbrtf(x)", f64::cbrt, 9.0, 1.0),
    function("erff(x)", host_erf, 4.0, 2.0),
    function("sqrtf(fabsf(x))", |x| x.abs().sqrt(), 9.0, 0.5),
    function("rsqrtf(fabsf(x))", |x| 1.0 / x.abs().sqrt(), 9.0, 2.0),
    function("1.0f/x", |x| 1.0 / x, 9.0, 0.5),
    function("x/3.7f", |x| x / f64::from(3.7f32), 9.0, 0.5),
    function("powf(fabsf(x),2.3f)", |x| x.abs().powf(f64::from(2.3f32)), 9.0, 4.0),
    function("floorf(x)", f64::floor, 9.0, 0.0),
    function("ceilf(x)", f64::ceil, 9.0, 0.0),
    function("rintf(x)", f64::round_ties_even, 9.0, 0.0),
    function("roundf(x)", f64::round, 9.0, 0.0),
    function("truncf(x)", f64::trunc, 9.0, 0.0),
    function("fmodf(x,0.7f)", |x| x % f64::from(0.7f32), 9.0, 0.0),
    function("(float)(int)x", f64::trunc, 90.0, 0.0),
    function("(float)((long long)(x*1000.f)/7)", |x| ((x as f32 * 1000.0) as i64 / 7) as f64, 90.0, 0.0),
    function("(float)((unsigned)(int)x % 13u)", |x| f64::from(x as i32 as u32 % 13), 90.0, 0.0),
    function("(float)exp((double)x)", f64::exp, 9.0, 0.51),
    function("(float)log((double)fabsf(x))", |x| x.abs().ln(), 9.0, 0.51),
    function("(float)__popc(__float_as_uint(x))", |x| f64::from(bits(x).count_ones()), 9.0, 0.0),
    function("__uint_as_float(__brev(__brev(__float_as_uint(x))))", |x| x, 9.0, 0.0),
    function(
        "(float)__clz(__float_as_int(x)&0xfffff)",
        |x| f64::from((bits(x) & 0xfffff).leading_zeros()),
        9.0,
        0.0,
    ),
    function(
        "(float)__ffsll(__double_as_longlong((double)x))",
        |x| f64::from(x.to_bits().trailing_zeros() + 1),
        9.0,
        0.0,
    ),
    function("ldexpf(x,5)", |x| x * 32.0, 9.0, 0.0),
    function(
        "(float)__umulhi(__float_as_uint(x),0xD2511F53u)",
        |x| ((u64::from(bits(x)) * 0xD251_1F53) >> 32) as f64,
        9.0,
        0.5,
    ),
    function("copysignf(2.f,x)", |x| 2f64.copysign(x), 9.0, 0.0),
    function("fminf(x,fmaxf(1.f,-x))", |x| x.min((-x).max(1.0)), 9.0, 0.0),
];

fn bits(x: f64) -> u32 {
    (x as f32).to_bits()
}

/// erf by its series, which 60 terms carry beyond f64 where it is asked for.
fn host_erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..80 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

/// Distance in units of the last place of the right answer.
fn ulps(found: f32, wanted: f64) -> f64 {
    if f64::from(found) == wanted {
        return 0.0;
    }
    let rounded = wanted as f32;
    if rounded.is_infinite() || !found.is_finite() {
        return if found == rounded { 0.0 } else { f64::INFINITY };
    }
    (f64::from(found) - wanted).abs() / f64::from(rounded.abs().next_up() - rounded.abs())
}

#[test]
fn functions_keep_to_their_documented_bounds() {
    let Some(device) = Device::new() else { return };
    let kernels = FUNCTIONS.iter().enumerate().map(|(index, function)| {
        format!(
            "extern \"C\" __global__ void f{index}(const float* a, float* o, int n) {{ \
             int i = blockIdx.x * blockDim.x + threadIdx.x; \
             if (i < n) {{ float x = a[i]; o[i] = {}; }} }}\n",
            function.expression
        )
    });
    let module = device.module(&kernels.collect::<String>());
    let count = 4000;
    let mut violations = Vec::new();
    for (index, function) in FUNCTIONS.iter().enumerate() {
        let x: Vec<f32> = (0..count)
            .map(|at| (((f64::from(at) + 0.37) / f64::from(count)) * 2.0 - 1.0) as f32 * function.range)
            .collect();
        let on_x = device.stream.clone_htod(&x).unwrap();
        // SAFETY: the kernel writes all of it.
        let mut on_y = unsafe { device.stream.alloc::<f32>(x.len()) }.unwrap();
        let kernel = module.load_function(&format!("f{index}")).unwrap();
        let mut launch = device.stream.launch_builder(&kernel);
        launch.arg(&on_x).arg(&mut on_y).arg(&count);
        // SAFETY: the arguments are the kernel's, and both buffers hold `count`.
        unsafe { launch.launch(LaunchConfig::for_num_elems(count as u32)) }.unwrap();
        let y = device.stream.clone_dtoh(&on_y).unwrap();
        let worst = x
            .iter()
            .zip(&y)
            .map(|(&x, &y)| (ulps(y, (function.meaning)(f64::from(x))), x, y))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        println!("{:55} {:.2} of {} ulp", function.expression, worst.0, function.bound);
        if worst.0 > function.bound {
            violations.push(format!("{}: {worst:?}", function.expression));
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}
