//! Signals, sent to a process of its own: this program, started again as a training loop.

#[cfg(unix)]
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some(loops::POLITE) => loops::polite(),
        Some(loops::STUBBORN) => loops::stubborn(),
        _ => {
            checks::the_first_signal_ends_the_loop_after_its_step();
            checks::the_second_signal_ends_the_process();
            checks::a_run_that_outlives_its_terminal_still_does();
            println!("signals work");
        }
    }
}

#[cfg(not(unix))]
fn main() {
    println!("signals can be sent on Unix only");
}

/// What the child processes do.
#[cfg(unix)]
mod loops {
    use std::thread::sleep;
    use std::time::Duration;

    use equilayer::interrupt::{EXIT_CODE, Interrupt};

    pub const POLITE: &str = "polite";
    pub const STUBBORN: &str = "stubborn";

    /// Trains until it is asked to stop.
    pub fn polite() {
        let interrupt = start();
        while !interrupt.is_requested() {
            sleep(Duration::from_millis(5));
        }
        println!("checkpoint");
        std::process::exit(EXIT_CODE.into());
    }

    /// Hears the request, says so, and is in a step that takes for ever.
    pub fn stubborn() {
        let interrupt = start();
        while !interrupt.is_requested() {
            sleep(Duration::from_millis(5));
        }
        println!("heard");
        sleep(Duration::from_secs(60));
    }

    fn start() -> Interrupt {
        let interrupt = Interrupt::install().expect("signals can be handled");
        println!("ready");
        interrupt
    }
}

#[cfg(unix)]
mod checks {
    use std::io::{BufRead, BufReader, Lines};
    use std::path::PathBuf;
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::time::Duration;

    use super::loops;

    pub fn the_first_signal_ends_the_loop_after_its_step() {
        for signal in ["INT", "TERM"] {
            let (mut child, mut lines) = start(loops::POLITE);
            send(&child, signal);
            assert_eq!(next(&mut lines), "checkpoint");
            assert_eq!(child.wait().expect("an end").code(), Some(130));
        }
    }

    pub fn the_second_signal_ends_the_process() {
        let (mut child, mut lines) = start(loops::STUBBORN);
        send(&child, "INT");
        assert_eq!(next(&mut lines), "heard");
        send(&child, "INT");
        assert_eq!(child.wait().expect("an end").code(), Some(130));
    }

    pub fn a_run_that_outlives_its_terminal_still_does() {
        let mut nohup = Command::new("nohup");
        let (mut child, mut lines) = spawn(nohup.arg(program()).arg(loops::POLITE));
        send(&child, "HUP");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(child.try_wait().expect("a state"), None);
        send(&child, "TERM");
        assert_eq!(next(&mut lines), "checkpoint");
        assert_eq!(child.wait().expect("an end").code(), Some(130));
    }

    fn program() -> PathBuf {
        std::env::current_exe().expect("this program")
    }

    fn start(what: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
        spawn(Command::new(program()).arg(what))
    }

    fn spawn(command: &mut Command) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        assert_eq!(next(&mut lines), "ready");
        (child, lines)
    }

    fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
        lines.next().expect("a line").expect("UTF-8")
    }

    fn send(child: &Child, signal: &str) {
        let kill = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(kill.expect("`kill` runs").success());
    }
}
