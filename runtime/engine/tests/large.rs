//! Results that outgrow the caches are stored another way than small ones, and hold the same bits.

use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Outputs};

/// Rows of the whole: with [`WIDTHS`], results of more than 16 MiB, whose halves have less.
const ROWS: usize = 45_000;

/// Columns of the results: whole cache lines, and not.
const WIDTHS: [usize; 2] = [96, 100];

const DEPTH: usize = 20;

fn noise(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0).collect()
}

/// A product with an epilogue of two results, one that reads a large operand, and elementwise results.
fn run(width: usize, x: &[f32], residual: &[f32]) -> Result<Outputs, Error> {
    let rows = x.len() / DEPTH;
    let graph = Graph::new();
    let (input, residual_input) = (graph.input("x", [rows, DEPTH]), graph.input("residual", [rows, width]));
    let weight = graph.parameter("weight", [DEPTH, width], Init::Constant(0.0));
    let bias = graph.parameter("bias", [width], Init::Constant(0.0));
    let sums = input.matmul(&weight) + &bias;
    let added = input.matmul(&(&weight * 0.5)) + &residual_input;
    graph.output("sums", &sums);
    graph.output("gelu", &sums.gelu());
    graph.output("added", &added);
    graph.output("sine", &(residual_input.sin() * 2.0));
    let plan = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions { threads: Some(2), ..CpuOptions::default() })?;
    executor.prepare(&plan)?;
    executor.set_state("weight", &noise(DEPTH * width))?;
    executor.set_state("bias", &noise(width))?;
    executor.run(&plan, &[("x", x), ("residual", residual)])
}

#[test]
fn results_that_outgrow_the_caches_are_those_of_their_halves() -> Result<(), Error> {
    for width in WIDTHS {
        let (x, residual) = (noise(ROWS * DEPTH), noise(ROWS * width));
        let whole = run(width, &x, &residual)?;
        let ((x_front, x_back), (residual_front, residual_back)) =
            (x.split_at(x.len() / 2), residual.split_at(residual.len() / 2));
        let halves = [run(width, x_front, residual_front)?, run(width, x_back, residual_back)?];
        for (name, found) in whole.iter() {
            assert!(size_of_val(found) > 16 << 20);
            let expected = [halves[0].get(name)?, halves[1].get(name)?].concat();
            assert!(found == expected, "{name}, {width} wide");
        }
    }
    Ok(())
}
