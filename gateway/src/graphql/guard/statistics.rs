//! Weighs what statistics cost: analytics is asked once for each window, and counts once for each facet of it, however
//! many links and fields want the same.

use std::collections::{BTreeMap, HashSet};

use apollo_compiler::ast::{Field, Selection};

use super::{Parts, TooComplex};
use crate::config::Guard;

/// The field whose arguments are a window.
const STATS: &str = "stats";
/// What a window costs: a call of its own, and the totals, of which one counting tells several fields.
const WINDOW: u64 = 10;
/// What a series costs.
const SERIES: u64 = 5;
/// What a list of the most frequent values costs.
const TOP: u64 = 3;
/// Fields that the totals tell.
const TOTALS: [&str; 5] = ["clicks", "uniqueVisitors", "asOf", "stale", "__typename"];

/// Checks every operation. Each fragment is looked at once for each window. To be called when nesting is checked.
pub(super) fn check(parts: &Parts<'_>, guard: &Guard) -> Result<(), TooComplex> {
    for operation in &parts.operations {
        let mut windows = BTreeMap::<String, Vec<&[Selection]>>::new();
        each_field(parts, &operation.selection_set, &mut HashSet::new(), &mut |field| {
            let is_window = field.name == STATS;
            if is_window {
                windows.entry(arguments(field)).or_default().push(&field.selection_set);
            }
            !is_window
        });
        let mut cost = 0;
        for selections in windows.into_values() {
            cost += WINDOW + facets(parts, &selections).values().sum::<u64>();
            if cost > guard.statistics {
                return Err(TooComplex { limit: "units of statistics", allowed: guard.statistics });
            }
        }
    }
    Ok(())
}

/// The facets that selections of one window ask for, each with its cost.
fn facets(parts: &Parts<'_>, selections: &[&[Selection]]) -> BTreeMap<String, u64> {
    let (mut found, mut seen) = (BTreeMap::new(), HashSet::new());
    for set in selections {
        each_field(parts, set, &mut seen, &mut |field| {
            let name = field.name.as_str();
            if !TOTALS.contains(&name) {
                let cost = if name == "series" { SERIES } else { TOP };
                found.insert(format!("{name}({})", arguments(field)), cost);
            }
            false
        });
    }
    found
}

/// Visits every field that a selection reaches, through each fragment once. What is inside a field is visited when the
/// visit says so.
fn each_field<'a>(
    parts: &Parts<'a>,
    set: &'a [Selection],
    seen: &mut HashSet<&'a str>,
    visit: &mut impl FnMut(&'a Field) -> bool,
) {
    for selection in set {
        let inside = match selection {
            Selection::Field(field) => visit(field).then_some(&field.selection_set),
            Selection::InlineFragment(inline) => Some(&inline.selection_set),
            Selection::FragmentSpread(spread) => {
                let fragment = parts.fragment(&spread.fragment_name);
                fragment.filter(|fragment| seen.insert(&fragment.name)).map(|fragment| &fragment.selection_set)
            }
        };
        if let Some(inside) = inside {
            each_field(parts, inside, seen, visit);
        }
    }
}

/// Writes a field's arguments in one form. What means the same in another form, or by another variable, counts as
/// another: too much, never too little.
fn arguments(field: &Field) -> String {
    let mut arguments: Vec<_> = field.arguments.iter().collect();
    arguments.sort_by(|one, other| one.name.cmp(&other.name));
    arguments.into_iter().map(|argument| format!("{}:{},", argument.name, argument.value)).collect()
}
