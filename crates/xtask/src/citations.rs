//! `cargo xtask rules`: how many of the rules in `docs/behaviour.md` a test cites, and which none does.
//!
//! A test cites a rule in its text (`TD-12`) or in its name (`td12_...`). A citation is a promise of the test's author,
//! not a proof; what this finds is the rules that nobody even claims to test.

use crate::ci::rules::{KINDS, Rule, explained, is_source, rules};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Fail when fewer rules than this are cited
    #[arg(long, value_name = "COUNT")]
    at_least: Option<usize>,
}

/// Folders and files that hold nothing but tests.
const TESTS: &[&str] = &["tests", "scenarios", "properties", "conformance", "testing", "invariants"];

pub fn run(options: &Options) -> Result<()> {
    let root = crate::codegen::project_root();
    let explained = explained(&std::fs::read_to_string(root.join("docs/behaviour.md"))?);
    let mut cited = BTreeSet::new();
    collect(&root.join("crates"), false, &mut cited)?;
    let count = explained.intersection(&cited).count();
    println!("{count} of {} rules of docs/behaviour.md are cited by tests.", explained.len());
    for kind in KINDS {
        let missing: Vec<String> = explained
            .difference(&cited)
            .filter(|(of, _)| of == kind)
            .map(|(kind, number)| format!("{kind}-{number}"))
            .collect();
        if !missing.is_empty() {
            println!("not cited: {}", missing.join(", "));
        }
    }
    match options.at_least {
        Some(least) if count < least => bail!("{count} rules are cited by tests, fewer than {least}"),
        _ => Ok(()),
    }
}

fn collect(dir: &Path, inside_tests: bool, into: &mut BTreeSet<Rule>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let tests = inside_tests || TESTS.contains(&stem);
        let extension = path.extension().and_then(|one| one.to_str()).unwrap_or_default();
        if path.is_dir() {
            if is_source(&path) {
                collect(&path, tests, into)?;
            }
        } else if ["rs", "py", "txt"].contains(&extension) {
            let text = std::fs::read_to_string(&path)?;
            let part = if tests { Some(&*text) } else { text.split_once("#[cfg(test)]").map(|(_, after)| after) };
            into.extend(part.into_iter().flat_map(|part| rules(part).chain(named(part))));
        }
    }
    Ok(())
}

/// Rules in the names of functions: `td60_td61_defaults`, `i_27_revisions`.
fn named(text: &str) -> impl Iterator<Item = Rule> + '_ {
    let names = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = line.split_once("fn ").map(|(_, rest)| rest).or_else(|| line.strip_prefix("def "))?;
        rest.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).next()
    });
    names.flat_map(in_name)
}

fn in_name(name: &str) -> Vec<Rule> {
    let parts: Vec<&str> = name.split('_').collect();
    let kind_of = |letters: &str| KINDS.iter().find(|kind| kind.eq_ignore_ascii_case(letters)).copied();
    let mut found = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let letters = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let digits = match &part[letters.len()..] {
            "" => parts.get(at + 1).copied().unwrap_or_default(),
            digits => digits,
        };
        if let (Some(kind), Ok(number)) = (kind_of(letters), digits.parse()) {
            found.push((kind.to_owned(), number));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tests_cite_rules() {
        let text =
            "    async fn td60_td61_defaults() {\ndef test_w9_order(x):\nfn i_27_names(\nlet fnord = 3;\nfn a_5_b()";
        let found: Vec<String> = named(text).map(|(kind, number)| format!("{kind}-{number}")).collect();
        assert_eq!(found, ["TD-60", "TD-61", "W-9", "I-27"]);
    }
}
