//! The binary `equilayer`.

fn main() -> std::process::ExitCode {
    equilayer_plugins::link();
    equilayer::cli::run()
}
