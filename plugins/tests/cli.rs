//! The binary, run as a user runs it.

use std::process::{Command, Output};

fn equilayer(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_equilayer")).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn tells_its_version() {
    let (code, stdout, stderr) = equilayer(&["--version"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(stdout, concat!("equilayer ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn without_arguments_helps() {
    let (code, stdout, _) = equilayer(&[]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("Usage: equilayer"), "{stdout}");
}

#[test]
fn refuses_what_it_does_not_know() {
    let (code, stdout, stderr) = equilayer(&["pretrain"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("'pretrain'"), "{stderr}");
}
