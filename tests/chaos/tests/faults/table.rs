//! The table of faults, as it stands in the docs.

use chaos::probes::{Probe, Tallies, Tally};
use std::{fmt::Write as _, path::PathBuf, time::Duration};

/// What one fault did.
pub(crate) struct Row {
    /// The fault's name.
    pub(crate) fault: String,
    pub(crate) outcome: Outcome,
}

/// What became of a fault.
pub(crate) enum Outcome {
    /// It happened.
    Run {
        /// What clients were answered while it lasted.
        seen: Tallies,
        /// How long after its end the last kind of client was served as before.
        recovered: Duration,
    },
    /// It could not happen on this machine, for this reason.
    NotRun(String),
}

const HEAD: &str = "\
# Faults, and what clients see

Made by `cargo dev test faults`. Each fault lasts while every kind of client asks through the gateway at a steady rate: 10
redirects, 2 of each read and purchase, and 1 log-in a second, by several users at several addresses. A cell says how many
were answered as on a good day; then what the others were told, and the longest wait. *Recovery* is the time from the end
of the fault until five requests of every kind were good in a row; at a log-in a second that takes five seconds by itself.

After each fault the books were compared, and the run fails where they differ: answered redirects and counted clicks,
orders, stock, the provider's ledger.

The times are of one run in a debug build on a small machine. They show orders of magnitude, and nothing asserts them.

";

/// Writes the table to `path`.
pub(crate) fn write(path: &PathBuf, rows: &[Row]) -> anyhow::Result<()> {
    let mut text = HEAD.to_owned();
    let names = Probe::ALL.map(Probe::name).join(" | ");
    writeln!(text, "| fault | {names} | recovery |\n| --- |{}", " --- |".repeat(Probe::ALL.len() + 1))?;
    for row in rows {
        match &row.outcome {
            Outcome::Run { seen, recovered } => {
                let cells = Probe::ALL.map(|probe| cell(seen.get(&probe))).join(" | ");
                writeln!(text, "| {} | {cells} | {:.1} s |", row.fault, recovered.as_secs_f64())?;
            }
            Outcome::NotRun(reason) => {
                let rest = " – |".repeat(Probe::ALL.len());
                writeln!(text, "| {} | not run here: {reason} |{rest}", row.fault)?;
            }
        }
    }
    Ok(std::fs::write(path, text)?)
}

/// For example `8 of 14; 6 unavailable; 0.5 s`.
fn cell(tally: Option<&Tally>) -> String {
    let Some(tally) = tally else { return "–".to_owned() };
    let slowest = tally.slowest.as_secs_f64();
    if tally.others.is_empty() {
        return format!("all {}; {slowest:.1} s", tally.good);
    }
    let others: Vec<String> = tally.others.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("{} of {}; {}; {slowest:.1} s", tally.good, tally.asked(), others.join(", "))
}
