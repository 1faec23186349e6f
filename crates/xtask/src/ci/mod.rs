//! `cargo xtask ci`: everything that must hold before a change lands, in the order that finds trouble soonest.
//!
//! On a fresh machine it installs what is missing when it may (root and apt-get), and says what to install when it
//! may not. Nothing is skipped silently: a step either ran or the command fails.

mod deploy;
mod docker;
mod layers;
mod postgres;
pub mod process;
pub mod rules;
mod summary;
mod tools;

use anyhow::Result;
use process::Step;
use std::path::{Path, PathBuf};
use summary::Summary;

/// The test suite has only a few seeds, and others.
const SIMULATION_SEEDS: u64 = 500;
const SIMULATION_STEPS: u64 = 2_000;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Run only the steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

pub fn run(options: &Options) -> Result<()> {
    let root = crate::codegen::project_root();
    let mut summary = Summary::new(options.only.clone());
    let cargo = |step: Step| step.dir(&root);

    summary.step("tools", || tools::ensure(&root))?;
    summary.step("format", || cargo(Step::cargo(["fmt", "--all", "--check"])).run())?;
    summary.step("layers", || layers::check(&root))?;
    summary.step("rules are explained", || rules::check(&root))?;
    summary.step("codegen is fresh", || crate::codegen::run(&crate::codegen::Args::check()))?;
    summary.step("lock files", || {
        // Those of the workspaces that are built on demand: a dependency of ours that is new to them makes them old.
        let fresh = |manifest| {
            cargo(Step::cargo([
                "metadata",
                "--locked",
                "--quiet",
                "--format-version",
                "1",
                "--manifest-path",
                manifest,
            ]))
            .output()
            .map(drop)
        };
        fresh("benches/Cargo.toml")?;
        fresh("crates/python/Cargo.toml")
    })?;
    summary.step("clippy", || {
        cargo(Step::cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])).run()
    })?;

    let work = tempfile::Builder::new().prefix("plimsoll-ci-").tempdir()?;
    let mut postgres = None;
    let mut docker = None;
    summary.step("postgres", || {
        postgres = Some(postgres::Server::answering_or_started(work.path())?);
        Ok(())
    })?;
    summary.step("docker", || {
        docker = Some(docker::Engine::answering_or_started(work.path())?);
        Ok(())
    })?;
    let services = |mut step: Step| {
        if let Some(server) = &postgres {
            step = step.env("PLIMSOLL_TEST_POSTGRES_URL", &server.url);
        }
        if let Some(engine) = &docker {
            step = step.env("PLIMSOLL_TEST_DOCKER", &engine.host).env("PLIMSOLL_TEST_IMAGE", docker::TEST_IMAGE);
        }
        step.dir(&root)
    };

    summary.step("build", || cargo(Step::cargo(["build", "--workspace", "--locked"])).run())?;
    summary.step("tests", || services(Step::cargo(["test", "--workspace", "--locked"])).run())?;
    summary.step("simulation", || {
        crate::simulate::run(&crate::simulate::Options {
            seeds: SIMULATION_SEEDS,
            steps: SIMULATION_STEPS,
            seed: None,
            coverage: false,
        })
    })?;
    summary.step("teeth", crate::teeth::run)?;
    summary.step("real clients", || {
        let binary = target_directory(&root)?.join("debug/plimsoll");
        services(Step::new(tools::python(&root)).args([
            "-m",
            "pytest",
            "-q",
            "-x",
            "--durations=5",
            "crates/cli/tests/e2e",
        ]))
        .env("PLIMSOLL_BIN", binary)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()
    })?;
    summary.step("deploy files", || deploy::check(&root))?;
    summary.finish()
}

fn target_directory(root: &Path) -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(root).no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf())
}
