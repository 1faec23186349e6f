//! Finds the model file: the path given, the project's own virtual environment, or the Python on the path.

use super::{BOTOCORE_VERSION, project_root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Found {
    pub path: PathBuf,
    /// Unknown when the file was named on the command line.
    pub version: Option<String>,
    pub text: String,
}

pub fn find(given: Option<&Path>) -> Result<Found> {
    if let Some(path) = given {
        return Ok(Found { path: path.to_path_buf(), version: None, text: read(path)? });
    }
    let own = project_root().join(".cache/venv/bin/python3");
    for python in [own.as_path(), Path::new("python3")] {
        if let Some((path, version)) = ask(python) {
            let text = read(&path)?;
            return Ok(Found { path, version: Some(version), text });
        }
    }
    bail!(
        "no botocore found: run `python3 -m venv .cache/venv && .cache/venv/bin/pip install \
         botocore=={BOTOCORE_VERSION}` in the project folder, or name a model file with --model"
    )
}

/// The model's path and the version of the botocore that this Python imports.
fn ask(python: &Path) -> Option<(PathBuf, String)> {
    const QUESTION: &str =
        "import botocore, os; print(botocore.__version__); print(os.path.dirname(botocore.__file__))";
    let output = Command::new(python).args(["-c", QUESTION]).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let answer = String::from_utf8(output.stdout).ok()?;
    let (version, folder) = answer.split_once('\n')?;
    let folder = Path::new(folder.trim()).join("data/ecs/2014-11-13");
    let path = ["service-2.json.gz", "service-2.json"].iter().map(|name| folder.join(name)).find(|p| p.exists())?;
    Some((path, version.trim().to_owned()))
}

fn read(path: &Path) -> Result<String> {
    if path.extension().is_some_and(|extension| extension == "gz") {
        let output = Command::new("gzip").arg("-dc").arg(path).output().context("starting gzip")?;
        if !output.status.success() {
            bail!("gzip cannot read {}: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
        return Ok(String::from_utf8(output.stdout)?);
    }
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
