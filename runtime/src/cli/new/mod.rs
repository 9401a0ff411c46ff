//! `new`: a crate to start from, with a regularizer of its own.
//!
//! What is written stands under `starter/`, as it will stand in the crate but for the words in `{{..}}`. A test of the
//! workspace writes one, and builds and tests it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::failure::Failure;

/// What `new` is told.
#[derive(clap::Args)]
pub struct NewArguments {
    /// The crate's folder, whose name is the crate's.
    folder: PathBuf,
    /// A checkout of equilayer to depend on; the one that this program was built in, if it is still there, or else the
    /// published version.
    #[arg(long, value_name = "CHECKOUT")]
    path: Option<PathBuf>,
}

/// Files of the crate and what they start as.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("starter/Cargo.toml.in")),
    (".gitignore", include_str!("starter/gitignore.in")),
    ("src/main.rs", include_str!("starter/main.rs.in")),
    ("src/mirror.rs", include_str!("starter/mirror.rs.in")),
    ("recipe.toml", include_str!("starter/recipe.toml.in")),
];

/// Writes the crate; nothing that is there is touched.
pub fn run(arguments: &NewArguments) -> Result<ExitCode, Failure> {
    let folder = &arguments.folder;
    let name = crate_name(folder)?;
    let vacant = !folder.exists() || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if !vacant {
        let message = format!("{}: is there already; give the crate another name", folder.display());
        return Err(Failure::mistake(message));
    }
    let checkout = match &arguments.path {
        Some(path) if is_checkout(path) => Some(fs::canonicalize(path).map_err(Failure::fault)?),
        Some(path) => {
            let message =
                format!("{}: is no checkout of equilayer: it has no runtime/Cargo.toml", path.display());
            return Err(Failure::mistake(message));
        }
        None => std::env::current_exe().ok().and_then(|program| checkout_around(&program)),
    };
    for (file, content) in FILES {
        write(&folder.join(file), &filled(content, name, checkout.as_deref()))?;
    }
    println!("{}: a crate with a regularizer of its own, src/mirror.rs", folder.display());
    println!("  cd {} && cargo test && cargo run --release -- train recipe.toml", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// The last part of the path, where it can be a crate's name.
fn crate_name(folder: &Path) -> Result<&str, Failure> {
    let wrong = |name: &str, why: &str| {
        Err(Failure::mistake(format!("`{name}` cannot be a crate's name: {why}; such as my-regularizers")))
    };
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
        return wrong(&folder.display().to_string(), "its last part is no name");
    };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(allowed) {
        return wrong(name, "write small letters, digits, `-` and `_`, a letter first");
    }
    if TAKEN.contains(&name) {
        return wrong(name, "it is one of Rust's, cargo's or equilayer's own");
    }
    Ok(name)
}

/// The crate's dependencies, Rust's own crates, and folders that cargo keeps beside a binary.
const TAKEN: [&str; 11] = [
    "alloc",
    "build",
    "core",
    "deps",
    "equilayer",
    "equilayer-plugins",
    "examples",
    "incremental",
    "proc_macro",
    "std",
    "test",
];

/// The checkout that a program was built in: a folder around it.
fn checkout_around(program: &Path) -> Option<PathBuf> {
    program.ancestors().find(|folder| is_checkout(folder)).map(Path::to_owned)
}

fn is_checkout(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("runtime/Cargo.toml")).unwrap_or_default();
    manifest.contains("name = \"equilayer\"") && folder.join("plugins/Cargo.toml").exists()
}

/// A file of the crate, with its words in place.
fn filled(content: &str, name: &str, checkout: Option<&Path>) -> String {
    let dependency = |folder: &str| match checkout {
        Some(checkout) => {
            let path = toml::Value::String(checkout.join(folder).display().to_string());
            format!("{{ path = {path} }}")
        }
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
    };
    content
        .replace("{{name}}", name)
        .replace("{{equilayer}}", &dependency("runtime"))
        .replace("{{plugins}}", &dependency("plugins"))
}

/// Writes a new file, and the folder for it.
fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let failed = |error| Failure::fault(format!("{}: cannot be written: {error}", path.display()));
    fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(failed)?;
    let mut file = fs::File::create_new(path).map_err(failed)?;
    file.write_all(content.as_bytes()).map_err(failed)
}
