//! `plimsoll sim policies`: what can be compared.

use clap::Args;
use comfy_table::Table;
use plimsoll_placement::policy::describe;

/// List the policies and their options
#[derive(Debug, Args)]
pub struct PoliciesFlags {}

pub fn print() {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["policy", "prefers", "options"]);
    for policy in describe() {
        table.add_row([policy.name, policy.about, policy.options]);
    }
    println!("{table}\n");
    println!("every policy: tie_break = \"first\" | \"random\", node_order = \"given\" | \"name\" | \"shuffled\"");
    println!(
        "dimensions: a list of \"cpu\", \"memory\", \"gpu\"; shares are of the largest node; default cpu and memory"
    );
    println!("truncate: \"exact\", or the steps scores are cut down to (100 in published GPU schedulers)");
    println!(
        "prefer: \"largest\" or \"smallest\" dot product; samples: k, default 2; by: a policy, default spread-tasks"
    );
}
