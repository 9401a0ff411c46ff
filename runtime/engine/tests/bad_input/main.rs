//! Whatever a user does wrong gives one clear error: what is wrong, where, and what would be right.

mod building;
mod running;

use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Outputs, Plan};

fn executor(options: CpuOptions) -> CpuExecutor {
    CpuExecutor::new(options).expect("threads start")
}

fn compiled(graph: &Graph) -> Plan {
    graph.compile(&CompileOptions::none()).expect("the graph is right")
}

fn run(options: CpuOptions, graph: &Graph, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
    executor(options).run(&graph.compile(&CompileOptions::none())?, inputs)
}

fn text<T>(result: Result<T, Error>) -> String {
    result.err().expect("an error").to_string()
}
