//! `plimsoll sim replay`: a server's decision log again, as it was or under another policy.

use crate::Error;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use plimsoll_experiments::replay::{Difference, Lines, Other, Same};
use plimsoll_placement::policy::PolicySpec;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Repeat the decision log of a server
///
/// Alone: every request of the log is placed again, in the same fleet, and each choice must be
/// the one in the log; the first that is not is shown. With --policy: the same requests, placed
/// by another policy, and what that changes.
///
/// Examples:
///   plimsoll sim replay decisions.log
///   plimsoll sim replay decisions.log --policy 'power-of-k?samples=3&by=best-fit'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ReplayFlags {
    /// What `plimsoll server --decision-log FILE` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Place the requests by this policy instead: NAME or NAME?OPTION=VALUE&OPTION=VALUE
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    policy: Option<PolicySpec>,
}

fn policy(text: &str) -> Result<PolicySpec, String> {
    PolicySpec::parse(text).map_err(|error| error.to_string())
}

/// Whether all choices were the same; under another policy there is nothing to fail.
pub fn run(flags: &ReplayFlags) -> Result<bool, Error> {
    match &flags.policy {
        None => {
            let mut same = Same::default();
            let cut = each_line(&flags.file, |lines, line| same.take(lines, line))?;
            Ok(report(&same, cut))
        }
        Some(policy) => {
            let mut other = Other::new(policy.clone());
            let cut = each_line(&flags.file, |lines, line| other.take(lines, line))?;
            compare(&other, policy, cut);
            Ok(true)
        }
    }
}

/// Whether the last line is cut short, as one is that a server was writing when it was killed.
struct CutShort(bool);

fn each_line(
    path: &Path,
    mut take: impl FnMut(&Lines, plimsoll_experiments::replay::Line) -> Result<(), plimsoll_experiments::read::ReadError>,
) -> Result<CutShort, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut lines = Lines::new(&path.display().to_string());
    let mut text = String::new();
    loop {
        text.clear();
        let read = file.read_line(&mut text).map_err(|source| match source.kind() {
            std::io::ErrorKind::InvalidData => Error::NotText { path: path.to_owned() },
            _ => failed(source),
        })?;
        if read == 0 {
            break;
        }
        let Some(whole) = text.strip_suffix('\n') else { return Ok(CutShort(true)) };
        if let Some(line) = lines.read(whole)? {
            take(&lines, line)?;
        }
    }
    lines.end()?;
    Ok(CutShort(false))
}

fn report(same: &Same, cut: CutShort) -> bool {
    println!("{} requests repeated, for which the log placed {} tasks", same.requests, same.tasks);
    holes(same.lost_events, same.full, &cut);
    if same.skipped > 0 {
        println!("{} requests could not be compared, for what was not written before them", same.skipped);
    }
    match &same.first {
        None => println!("SAME: every choice is the one in the log"),
        Some(first) => {
            println!("DIFFERENT: {} requests; the first: {}", same.differences, in_words(first));
        }
    }
    same.first.is_none()
}

fn in_words(first: &Difference) -> String {
    let Difference { line, cluster, group, nth, of, logged, repeated } = first;
    let place = |instance: &Option<_>| match instance {
        Some(instance) => format!("instance {instance}"),
        None => "no instance".to_owned(),
    };
    let (logged, repeated, task) = (place(logged), place(repeated), nth + 1);
    format!("line {line}, cluster {cluster}, {group}, task {task} of {of}: {logged} in the log, {repeated} here")
}

fn holes(lost: u64, full: bool, CutShort(cut): &CutShort) {
    if lost > 0 {
        println!("the server left out {lost} events, which it could not write in time");
    }
    if full {
        println!("the log was full before its server ended");
    }
    if *cut {
        println!("the last line is cut short, and left out");
    }
}

fn compare(other: &Other, policy: &PolicySpec, cut: CutShort) {
    println!("{} requests, {} tasks elsewhere than in the log", other.requests, other.elsewhere());
    holes(other.lost_events, other.full, &cut);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "in the log", policy.as_str()]);
    for row in other.rows() {
        table.add_row([row.what, &row.logged, &row.other]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("\n{table}");
}
