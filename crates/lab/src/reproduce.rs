//! `plimsoll sim reproduce`: experiments with known answers.

use crate::data::{Loaded, load, write};
use crate::parallel::Workers;
use crate::{Error, verdict};
use clap::{Args, ValueEnum};
use plimsoll_experiments::read::AzureFlavors;
use plimsoll_experiments::reproduce::{AzureReplay, Campaign, Compaction, Fgd};
use std::path::PathBuf;
use std::time::Instant;

/// Run an experiment whose answer is known, and print what is expected beside what came out
///
/// The exit status is 0 only if every number passes. Each experiment runs the policies of the
/// placement crate on a public trace that you have downloaded:
///
///   fgd           workload inflation on a GPU cluster, 9 traces, 10 seeds (Weng et al., USENIX ATC 2023)
///   compaction    on how few nodes a fixed workload still fits (the method of Borg, EuroSys 2015)
///   azure-replay  259,159 real virtual machines with their departures; equal to the last digit
///
/// fgd and compaction read openb_node_list_gpu_node.csv and openb_pod_list_*.csv from DIR or
/// DIR/openb-gpu-v2023: folder data/csv of github.com/hkust-adsl/kubernetes-scheduler-
/// simulator. azure-replay reads v1.dev.txt, v1.dev.c2100000.txt, flav_map.txt and
/// duration_bins.csv from DIR or DIR/azure-vm-v1-flavors: folder resources of
/// github.com/huaweicloud/trace_generation_rnn; docs/experiments.md says how duration_bins.csv
/// is made.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ReproduceFlags {
    /// Which experiment
    experiment: Experiment,
    /// The folder with the traces
    #[arg(long, env = "PLIMSOLL_SIM_DATA", value_name = "DIR")]
    data: PathBuf,
    /// fgd: only these traces, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TRACE", value_parser = clap::builder::PossibleValuesParser::new(Fgd::traces()))]
    traces: Vec<String>,
    /// Runs at the same time; 0 is one per core. The numbers do not depend on it
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Also write every number to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Experiment {
    Fgd,
    Compaction,
    AzureReplay,
}

const OPENB: &str = "openb-gpu-v2023";
const AZURE: &str = "azure-vm-v1-flavors";

/// Whether every number passed.
pub fn run(flags: &ReproduceFlags) -> Result<bool, Error> {
    let openb = |file: &str| load(&flags.data, OPENB, file);
    match flags.experiment {
        Experiment::Fgd => {
            let chosen = |trace: &&str| flags.traces.is_empty() || flags.traces.iter().any(|one| one == trace);
            let traces: Vec<&'static str> = Fgd::traces().filter(chosen).collect();
            let nodes = openb("openb_node_list_gpu_node.csv")?;
            let pods: Vec<Loaded> =
                traces.iter().map(|trace| openb(&format!("openb_pod_list_{trace}.csv"))).collect::<Result<_, _>>()?;
            let pods: Vec<_> = traces.into_iter().zip(pods.iter().map(Loaded::source)).collect();
            carry_out(flags, &Fgd::new(nodes.source(), &pods)?)
        }
        Experiment::Compaction => {
            let (nodes, pods) = (openb("openb_node_list_gpu_node.csv")?, openb("openb_pod_list_default.csv")?);
            carry_out(flags, &Compaction::new(nodes.source(), pods.source())?)
        }
        Experiment::AzureReplay => {
            let azure = |file: &str| load(&flags.data, AZURE, file);
            let (arrivals, lifetimes) = (azure("v1.dev.txt")?, azure("v1.dev.c2100000.txt")?);
            let (flavors, bins) = (azure("flav_map.txt")?, azure("duration_bins.csv")?);
            let files = AzureFlavors {
                arrivals: arrivals.source(),
                lifetimes: lifetimes.source(),
                flavors: flavors.source(),
                bins: bins.source(),
            };
            carry_out(flags, &AzureReplay::new(&files)?)
        }
    }
}

fn carry_out<C: Campaign>(flags: &ReproduceFlags, campaign: &C) -> Result<bool, Error> {
    let workers = Workers::new(flags.threads);
    let started = Instant::now();
    let outcomes = workers.all(campaign.runs(), |nth| campaign.run(nth));
    let elapsed = started.elapsed();
    let verdict = campaign.verdict(&outcomes);
    verdict::print(&verdict);
    println!("{} runs on {} threads in {:.1} s", campaign.runs(), workers.threads(), elapsed.as_secs_f64());
    if let Some(path) = &flags.csv {
        write(path, &verdict::csv(&verdict))?;
    }
    Ok(verdict.passes())
}
