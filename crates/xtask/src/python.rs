//! `cargo xtask python`: builds the Python package of `crates/python` into an environment of its own and checks it.
//!
//! It is no step of `cargo xtask ci`: a first build takes longer than the rest of the checks has to wait for, and
//! nobody who builds Plimsoll needs Python's bindings.

use crate::ci::process::Step;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// What builds and what checks; pandas because results must be welcome there.
const PACKAGES: &[&str] = &["maturin==1.16.0", "pytest==8.4.2", "mypy==2.4.1", "pandas==3.1.1"];

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Optimise the module, as for measuring
    #[arg(long)]
    release: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let root = crate::codegen::project_root();
    let dir = root.join("crates/python");
    let environment = ensure(&root)?;
    // The folder decides which .cargo/config.toml holds, and with it where the build goes.
    let here = |step: Step| step.dir(&dir).env("VIRTUAL_ENV", &environment).env("PYTHONDONTWRITEBYTECODE", "1");
    let python = |module: &str| Step::new(environment.join("bin/python")).args(["-m", module]);

    here(Step::cargo(["fmt", "--check"])).run()?;
    here(Step::cargo(["clippy", "--locked", "--", "-D", "warnings"])).run()?;
    let profile: &[&str] = if options.release { &["--release"] } else { &[] };
    here(python("maturin").args(["develop", "--locked"]).args(profile)).run()?;
    here(python("mypy")).run()?;
    here(python("mypy.stubtest").args(["plimsoll_sim._native", "--mypy-config-file", "pyproject.toml"])).run()?;
    here(python("pytest").args(["-q", "--durations=5"])).run()
}

/// The environment of the package, made anew when what it holds has changed.
fn ensure(root: &Path) -> Result<PathBuf> {
    let environment = root.join(".cache/venv-python");
    let stamp = environment.join("plimsoll-packages");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(environment);
    }
    println!("making a Python environment with {} in .cache/venv-python", PACKAGES.join(", "));
    Step::new("python3").args(["-m", "venv", "--clear"]).args([&environment]).run()?;
    Step::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(PACKAGES)
        .run()?;
    std::fs::write(stamp, wanted)?;
    Ok(environment)
}
