//! `cargo xtask teeth`: planted bugs, one at a time, and how many seeds it takes until an invariant breaks. A checker
//! that never fails proves nothing.
//!
//! The bugs are compiled only with the feature `mutants`; without it this starts itself again with it, which builds the
//! pure crates, and nothing else, a second time.

use anyhow::{Result, bail};

/// Each bug must be found within so many seeds.
#[cfg(feature = "mutants")]
const SEEDS_MAX: u64 = 200;
/// Steps with faults per seed; the way to rest comes on top.
#[cfg(feature = "mutants")]
const STEPS: u64 = 1_000;

#[cfg(not(feature = "mutants"))]
pub fn run() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments =
        ["run", "--quiet", "--package", "plimsoll-xtask", "--features", "mutants", "--bin", "xtask", "teeth"];
    let status =
        std::process::Command::new(cargo).args(arguments).current_dir(crate::codegen::project_root()).status()?;
    if !status.success() {
        bail!("not every planted bug was found");
    }
    Ok(())
}

#[cfg(feature = "mutants")]
pub fn run() -> Result<()> {
    use comfy_table::Table;
    use plimsoll_sim::mutants::Mutant;
    use std::sync::Mutex;
    use std::time::Instant;

    let started = Instant::now();
    // A core that gives up on its own assertion is found, too; it need not say so each time.
    std::panic::set_hook(Box::new(|_| {}));
    let found = Mutex::new(vec![None; Mutant::ALL.len()]);
    crate::simulate::on_all_cores(Mutant::ALL.len() as u64, |nth| {
        let nth = usize::try_from(nth).expect("the number of a mutant");
        let result = hunt(Mutant::ALL[nth]);
        found.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[nth] = result;
    });
    let _default = std::panic::take_hook();
    let found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["planted bug", "seeds", "found by"]);
    let mut missed = Vec::new();
    for (mutant, result) in Mutant::ALL.iter().zip(found) {
        match result {
            Some((seeds, invariant)) => {
                table.add_row([format!("{mutant:?}"), seeds.to_string(), invariant.to_owned()]);
            }
            None => {
                table.add_row([format!("{mutant:?}"), format!("> {SEEDS_MAX}"), "nothing".to_owned()]);
                missed.push(format!("{mutant:?}"));
            }
        }
    }
    println!("{table}");
    println!("teeth: {} bugs, {} missed, {:.0} s", Mutant::ALL.len(), missed.len(), started.elapsed().as_secs_f64());
    if !missed.is_empty() {
        bail!("not found within {SEEDS_MAX} seeds: {}", missed.join(", "));
    }
    Ok(())
}

/// How many seeds it took, and what broke.
#[cfg(feature = "mutants")]
fn hunt(mutant: plimsoll_sim::mutants::Mutant) -> Option<(u64, &'static str)> {
    use plimsoll_sim::{mutants::switch_on, run_seed_briefly};

    switch_on(Some(mutant));
    let first = (0..SEEDS_MAX).find_map(|seed| run_seed_briefly(seed, STEPS).err().map(|broken| (seed + 1, broken)));
    switch_on(None);
    first.map(|(seeds, broken)| (seeds, broken.invariant))
}
