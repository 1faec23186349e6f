//! The files under `deploy/` are read by the programs they are for.

use super::process::{Step, find};
use anyhow::{Context, Result, bail};
use std::path::Path;

pub fn check(root: &Path) -> Result<()> {
    units(root)?;
    compose(root)
}

/// systemd wants the programs a unit names to exist, so a copy of each unit names `/bin/true` instead.
fn units(root: &Path) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(root.join("deploy/systemd"))? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?.replace("/usr/local/bin/plimsoll", "/bin/true");
        let copy = dir.path().join(path.file_name().context("a unit has a name")?);
        std::fs::write(&copy, text)?;
        copies.push(copy);
    }
    if copies.is_empty() {
        bail!("deploy/systemd holds no unit");
    }
    Step::new("systemd-analyze").args(["verify", "--man=no"]).args(&copies).run()
}

fn compose(root: &Path) -> Result<()> {
    let file = root.join("deploy/compose.yaml");
    if Step::new("docker").args(["compose", "version"]).succeeds() {
        return Step::new("docker").args(["compose", "-f"]).args([&file]).args(["config", "--quiet"]).run();
    }
    if find("docker-compose", &[]).is_some() {
        return Step::new("docker-compose").args(["-f"]).args([&file]).args(["config", "--quiet"]).run();
    }
    bail!("neither 'docker compose' nor docker-compose is installed: apt-get install docker-compose");
}
