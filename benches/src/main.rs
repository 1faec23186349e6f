//! `cargo run --release --manifest-path benches/Cargo.toml -- tables [--sizes 100,1000,10000]`
//!
//! What one placement costs: by strategy, by size of the fleet, with and without constraints, in batches, one by one,
//! and with tasks that come and go. Prints one table per question, with the targets beside the results.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -- memory [--instances 100000]`
//!
//! Bytes per instance, task and view, of a process that has done nothing else.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -- equality [--operations 10000000] [--seed 1]`
//!
//! Leads the fleet and its plain definition through random operations, and ends with a panic at the first difference.

use plimsoll_benches::fleet::{self, Setting};
use plimsoll_benches::{equality, runs, table::Table};
use std::fmt::Debug;
use std::str::FromStr;

const SIZES: [u32; 4] = [100, 1_000, 10_000, 100_000];

const USAGE: &str = "\
plimsoll-benches tables [--sizes 100,1000,...]        every setting at every size; targets; the plain definition beside it
plimsoll-benches one SETTING [--sizes ...] [--groups N]  one setting, such as \"zones, instances\"
plimsoll-benches memory [--instances N]                bytes per instance, per task, per instance of a view
plimsoll-benches equality [--operations N] [--seed N]  the engine against the plain definition";

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("tables") => tables(&option("--sizes").unwrap_or(SIZES.to_vec())),
        Some("memory") => memory(option("--instances").map_or(100_000, |numbers: Vec<u32>| numbers[0])),
        Some("equality") => {
            let number = |name| option(name).map(|numbers: Vec<u64>| numbers[0]);
            equality::run(number("--operations").unwrap_or(1_000_000), number("--seed").unwrap_or(1));
        }
        Some("one") => {
            one(option("--sizes").unwrap_or(SIZES.to_vec()), option("--groups").map_or(1, |all: Vec<usize>| all[0]))
        }
        Some("--help" | "-h" | "help") => println!("{USAGE}"),
        other => {
            eprintln!("{}\n\n{USAGE}", other.map_or("what?".to_owned(), |word| format!("no bench is called {word:?}")));
            std::process::exit(2);
        }
    }
}

/// The numbers behind an option, separated by commas.
fn option<N: FromStr<Err: Debug>>(name: &str) -> Option<Vec<N>> {
    let text = std::env::args().skip_while(|argument| argument != name).nth(1)?;
    Some(text.split(',').map(|number| number.parse().expect("options are numbers")).collect())
}

fn tables(sizes: &[u32]) {
    println!("\nFilling from empty to 95 %, identical tasks in batches of 1,000; ns per placement (plan and add)\n");
    growth(sizes, |instances, setting| runs::fill(instances, setting, 1_000));
    println!("\nFilling from empty to 95 %, one task a request; ns per placement (plan and add)\n");
    growth(sizes, |instances, setting| runs::fill(instances, setting, 1));
    println!(
        "\nTasks that come and go at 80 % full, eight shapes, one task a request; ns per placement with its release\n"
    );
    growth(sizes, |instances, setting| runs::churn(instances, setting, 1));

    let mut targets = Table::new(&["target", "wanted", "measured", "met"]);
    let batch = 1e9 / runs::plan_only(10_000, Setting::named("binpack cpu"), 10_000);
    targets.target("identical tasks in one batch, 10,000 instances", 1e6, batch, "placements/s");
    let batch = 1e9 / runs::plan_only(10_000, Setting::named("zones, instances"), 10_000);
    targets.target("the same, default spread", 1e6, batch, "placements/s");
    for (what, groups) in [("one group", 1), ("eight groups", 8)] {
        let mixed = 1e9 / runs::churn(10_000, Setting::named("zones, cpu, memberOf"), groups);
        let what = format!("mixed stream, memberOf, two strategies, 10,000 instances, {what}");
        targets.target(&what, 3e5, mixed, "placements/s");
    }
    println!("\n{targets}");

    println!("\nThe plain definition beside it, ns per placement\n");
    let mut oracle = Table::new(&["instances", "tasks", "definition", "engine", "ratio"]);
    for instances in [100, 1_000] {
        let setting = Setting::named("zones, cpu, memberOf");
        let (plain, engine) = runs::beside_oracle(instances, setting);
        let ratio = format!("{:.0}", plain / engine);
        oracle.row([
            format!("{instances}"),
            format!("{instances}"),
            format!("{plain:.0}"),
            format!("{engine:.0}"),
            ratio,
        ]);
    }
    println!("{oracle}");
}

/// Every way of measuring one setting: what a profile is taken of.
fn one(sizes: Vec<u32>, groups: usize) {
    let name = std::env::args().nth(2).expect("the name of a setting, as in the tables");
    let setting = Setting::named(&name);
    for size in sizes {
        let only: Option<Vec<u32>> = option("--only");
        let is_asked = |nth: u32| only.as_ref().is_none_or(|only| only.contains(&nth));
        let show = |nth: u32, what: &str, measure: &dyn Fn() -> f64| {
            if is_asked(nth) {
                println!("{size:>7} {what:<24} {:>8.0} ns", measure());
            }
        };
        show(0, "plans of 10,000", &|| runs::plan_only(size, setting, 10_000.min(size as usize * 4)));
        show(1, "filled by thousands", &|| runs::fill(size, setting, 1_000));
        show(2, "filled one by one", &|| runs::fill(size, setting, 1));
        show(3, "coming and going", &|| runs::churn(size, setting, groups));
    }
}

fn memory(instances: u32) {
    let [instance, task, view] = fleet::memory(instances);
    println!("{instances} instances: {instance} B each, {task} B per task, {view} B per instance of a view");
}

fn growth(sizes: &[u32], measure: impl Fn(u32, Setting) -> f64) {
    let mut header = vec!["strategies".to_owned()];
    header.extend(sizes.iter().map(|size| format!("{size}")));
    header.push("last / 1,000".to_owned());
    let thousand = sizes.iter().position(|&size| size == 1_000).unwrap_or(0);
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for setting in Setting::ALL {
        let costs: Vec<f64> = sizes.iter().map(|&size| measure(size, *setting)).collect();
        let growth = costs[costs.len() - 1] / costs[thousand];
        let cells = costs.iter().map(|cost| format!("{cost:.0}"));
        let verdict = if growth < 2.0 { "< 2" } else { "not < 2" };
        table.row([setting.name.to_owned()].into_iter().chain(cells).chain([format!("{growth:.2} ({verdict})")]));
    }
    println!("{table}");
}
