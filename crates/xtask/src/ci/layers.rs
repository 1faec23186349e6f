//! The dependency picture of `crates/README.md`, checked against cargo's metadata.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;

/// Which of our crates each crate may name. `model` may be named by everything of ours but the wire crates.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("placement", &["model"]),
    ("core", &["model", "placement"]),
    ("sim", &["model", "placement", "core"]),
    ("experiments", &["model", "placement", "core"]),
    ("lab", &["placement", "experiments"]),
    ("ecs-api", &[]),
    ("agent-proto", &[]),
    ("store", &["model"]),
    ("control", &["model", "core", "store"]),
    ("agent", &["model", "core", "agent-proto"]),
    ("server", &["model", "placement", "core", "control", "store", "ecs-api", "agent-proto"]),
    ("cli", &["model", "core", "store", "control", "server", "agent", "ecs-api", "agent-proto", "sim", "lab"]),
    ("xtask", &["sim"]),
];

const PURE: &[&str] = &["model", "placement", "core", "sim", "experiments"];

/// What a pure crate must not name: runtimes, sockets, databases, clocks, entropy, logging.
const IMPURE: &[&str] = &[
    "tokio",
    "sqlx",
    "tonic",
    "axum",
    "hyper",
    "tracing",
    "log",
    "getrandom",
    "uuid",
    "nix",
    "bollard",
    "parking_lot",
    "futures-util",
    "async-trait",
];

/// Words of the standard library that would let a clock, a thread or a file into a pure crate.
const IMPURE_WORDS: &[&str] = &[
    "std::time::SystemTime",
    "std::time::Instant",
    "std::thread",
    "std::fs",
    "std::net",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now()",
    "HashMap",
    "HashSet",
];

pub fn check(root: &Path) -> Result<()> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let allowed: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(name) = package.name.strip_prefix("plimsoll-") else { continue };
        if name == "benches" {
            continue;
        }
        let may_name =
            allowed.get(name).with_context(|| format!("crate {name} is missing from the dependency picture"))?;
        for dependency in package.dependencies.iter().filter(|one| one.kind == cargo_metadata::DependencyKind::Normal) {
            match dependency.name.strip_prefix("plimsoll-") {
                Some(ours) if !may_name.contains(&ours) => wrong.push(format!("{name} names {ours}")),
                None if PURE.contains(&name) && IMPURE.contains(&dependency.name.as_str()) => {
                    wrong.push(format!("{name} is pure and names {}", dependency.name));
                }
                _ => {}
            }
        }
        if PURE.contains(&name) {
            let sources = package.manifest_path.parent().context("a manifest has a directory")?.join("src");
            check_words(sources.as_std_path(), &mut wrong)?;
        }
    }
    if !wrong.is_empty() {
        bail!(
            "these edges are not in the dependency picture (crates/README.md); a new one is a design change and wants a \
             line in crates/DECISIONS.md:\n  {}",
            wrong.join("\n  ")
        );
    }
    Ok(())
}

fn check_words(dir: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            check_words(&path, wrong)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(word) = IMPURE_WORDS.iter().find(|word| code.contains(**word)) {
                    wrong.push(format!("{}:{} uses {word}", path.display(), number + 1));
                }
            }
        }
    }
    Ok(())
}
