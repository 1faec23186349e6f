//! Every rule that code or a test cites is explained in `docs/behaviour.md`.

use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

pub const KINDS: &[&str] = &[
    "W", "ARN", "CL", "TD", "RES", "CI", "ATTR", "TAG", "RUN", "TL", "CQL", "PL", "TERM", "SVC", "EV", "DEP", "PROT",
    "EXE", "OP", "ACC", "I", "D", "F", "S",
];

pub fn check(root: &Path) -> Result<()> {
    let mut cited = BTreeSet::new();
    for dir in ["crates", "proto", "migrations"] {
        collect(&root.join(dir), &mut cited)?;
    }
    let explained = explained(&std::fs::read_to_string(root.join("docs/behaviour.md"))?);
    let missing: Vec<String> = cited.difference(&explained).map(|(kind, number)| format!("{kind}-{number}")).collect();
    if !missing.is_empty() {
        bail!("cited and not explained in docs/behaviour.md: {}", missing.join(", "));
    }
    println!("{} rules cited, all explained; {} explained in all", cited.len(), explained.len());
    Ok(())
}

pub type Rule = (String, u32);

/// Builds and Python environments below `crates` are not ours to read.
pub fn is_source(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| name != "target" && !name.as_encoded_bytes().starts_with(b"."))
}

fn collect(dir: &Path, into: &mut BTreeSet<Rule>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if is_source(&path) {
                collect(&path, into)?;
            }
        } else if path
            .extension()
            .is_some_and(|one| ["rs", "py", "txt", "sql", "proto", "md"].iter().any(|ext| one == *ext))
        {
            into.extend(rules(&std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// Words of the form `KIND-number`.
pub fn rules(text: &str) -> impl Iterator<Item = Rule> + '_ {
    let words =
        text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-' || character == '_'));
    words.filter_map(|word| {
        let (kind, number) = word.split_once('-')?;
        let known = KINDS.contains(&kind);
        if known { Some((kind.to_owned(), number.parse().ok()?)) } else { None }
    })
}

/// Rules in bold, ranges (`TD-1…TD-6`) included.
pub fn explained(text: &str) -> BTreeSet<Rule> {
    let mut found = BTreeSet::new();
    for bold in text.split("**").skip(1).step_by(2) {
        for part in bold.split(", ") {
            let mut ends = part.split('…').filter_map(|end| rules(end).next());
            if let Some((kind, first)) = ends.next() {
                let last = ends.next().map_or(first, |(_, last)| last);
                found.extend((first..=last).map(|number| (kind.clone(), number)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_and_explanations_are_recognised() {
        let cited: Vec<Rule> = rules("see DEP-13 (b), TD-2; not UTF-8, eu-1 or X-9").collect();
        assert_eq!(cited, [("DEP".to_owned(), 13), ("TD".to_owned(), 2)]);
        let explained = explained("- **TD-1…TD-3** text\n- **I-1, I-4** text");
        let numbers: Vec<u32> = explained.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, [1, 4, 1, 2, 3]);
    }
}
