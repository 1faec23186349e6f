//! What the checks need on the machine: Debian packages and a Python environment with the real clients.

use super::process::{Step, find};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The newest that the generated tables were made from; see `codegen`.
const PYTHON_PACKAGES: &[&str] = &["pytest==8.4.2", "ecs-deploy==1.17.0"];

/// The JavaScript SDK's client of this one service.
const NODE_PACKAGE: &str = "@aws-sdk/client-ecs@3.1164.0";

const SBIN: &[&str] = &["/usr/sbin", "/sbin"];

struct Tool {
    package: &'static str,
    present: fn() -> bool,
}

const TOOLS: &[Tool] = &[
    Tool { package: "gcc", present: || find("cc", &[]).is_some() },
    Tool {
        package: "python3-venv",
        present: || Step::new("python3").args(["-c", "import ensurepip, venv"]).succeeds(),
    },
    Tool { package: "postgresql", present: || super::postgres::binaries().is_some() },
    Tool {
        package: "docker.io",
        present: || find("dockerd", SBIN).is_some() || super::docker::default_engine_answers(),
    },
    Tool {
        package: "busybox-static",
        present: || Path::new("/bin/busybox").exists() || find("busybox", &[]).is_some(),
    },
    Tool {
        package: "iptables",
        present: || find("iptables", SBIN).is_some() || super::docker::default_engine_answers(),
    },
    Tool {
        package: "docker-compose",
        present: || {
            Step::new("docker").args(["compose", "version"]).succeeds() || find("docker-compose", &[]).is_some()
        },
    },
    Tool { package: "awscli", present: || cli_version_2().is_some() },
    Tool { package: "nodejs", present: || find("node", &[]).is_some() },
    Tool { package: "npm", present: || find("npm", &[]).is_some() },
    Tool { package: "systemd", present: || find("systemd-analyze", &[]).is_some() },
];

pub fn ensure(root: &Path) -> Result<()> {
    let missing = || TOOLS.iter().filter(|tool| !(tool.present)()).map(|tool| tool.package).collect::<Vec<_>>();
    let packages = missing();
    if !packages.is_empty() {
        install(&packages)?;
        let still = missing();
        if !still.is_empty() {
            bail!("installed, and still not usable: {}", still.join(" "));
        }
    }
    ensure_python(root)?;
    ensure_node(root)
}

/// Debian's; the Python environment has version 1.
fn cli_version_2() -> Option<()> {
    let programs = [Some(PathBuf::from("/usr/bin/aws")), find("aws", &[])];
    let answers = |path: PathBuf| Step::new(path).args(["--version"]).output().ok();
    programs
        .into_iter()
        .flatten()
        .filter(|path| path.exists())
        .filter_map(answers)
        .find(|text| text.starts_with("aws-cli/2"))
        .map(drop)
}

fn install(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get update && apt-get install -y --no-install-recommends {}", packages.join(" "));
    let root = Step::new("id").args(["-u"]).output()?.trim() == "0";
    if !root || find("apt-get", &[]).is_none() {
        bail!("these Debian packages are missing and only root with apt-get may install them:\n\n    {line}\n");
    }
    println!("installing {}", packages.join(" "));
    Step::new("apt-get").args(["update", "-qq"]).run()?;
    Step::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

/// The interpreter of the environment that holds boto3, the AWS CLI and pytest.
pub fn python(root: &Path) -> PathBuf {
    root.join(".cache/venv/bin/python")
}

fn ensure_python(root: &Path) -> Result<()> {
    let python = python(root);
    let botocore = format!("botocore=={}", crate::codegen::BOTOCORE_VERSION);
    let wanted = format!("{}\n{botocore}\n", PYTHON_PACKAGES.join("\n"));
    let stamp = root.join(".cache/venv/plimsoll-packages");
    if python.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    println!("making a Python environment with boto3, the AWS CLI and pytest in .cache/venv");
    Step::new("python3").args(["-m", "venv", "--clear"]).args([root.join(".cache/venv")]).run()?;
    Step::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "boto3", "awscli"])
        .args([&botocore])
        .args(PYTHON_PACKAGES)
        .run()?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

fn ensure_node(root: &Path) -> Result<()> {
    let dir = root.join(".cache/node");
    let stamp = dir.join("plimsoll-packages");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == NODE_PACKAGE) {
        return Ok(());
    }
    println!("installing {NODE_PACKAGE} in .cache/node");
    std::fs::create_dir_all(&dir)?;
    Step::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--no-package-lock", "--prefix"])
        .args([&dir])
        .args([NODE_PACKAGE])
        .run()?;
    std::fs::write(stamp, NODE_PACKAGE)?;
    Ok(())
}
