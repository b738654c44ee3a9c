//! Weighs what statistics cost: analytics is asked once for each window, and counts once for each facet of it, however
//! many links and fields want the same.

use std::collections::{BTreeMap, HashSet};

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Value, Variables};

use super::Refused;
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
pub(super) fn check(document: &ExecutableDocument, variables: &Variables, guard: &Guard) -> Result<(), Refused> {
    for (_, operation) in document.operations.iter() {
        let mut windows = BTreeMap::<String, Vec<&SelectionSet>>::new();
        each_field(document, &operation.node.selection_set.node, &mut HashSet::new(), &mut |field| {
            let is_window = field.name.node == STATS;
            if is_window {
                windows.entry(arguments(field, variables)).or_default().push(&field.selection_set.node);
            }
            !is_window
        });
        let mut cost = 0;
        for selections in windows.into_values() {
            cost += WINDOW + facets(document, &selections, variables).values().sum::<u64>();
            if cost > guard.statistics {
                return Err(Refused::TooComplex { limit: "units of statistics", allowed: guard.statistics });
            }
        }
    }
    Ok(())
}

/// The facets that selections of one window ask for, each with its cost.
fn facets(document: &ExecutableDocument, selections: &[&SelectionSet], variables: &Variables) -> BTreeMap<String, u64> {
    let (mut found, mut seen) = (BTreeMap::new(), HashSet::new());
    for set in selections {
        each_field(document, set, &mut seen, &mut |field| {
            let name = field.name.node.as_str();
            if !TOTALS.contains(&name) {
                let cost = if name == "series" { SERIES } else { TOP };
                found.insert(format!("{name}({})", arguments(field, variables)), cost);
            }
            false
        });
    }
    found
}

/// Visits every field that a selection reaches, through each fragment once. What is inside a field is visited when the
/// visit says so.
fn each_field<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a Name>,
    visit: &mut impl FnMut(&'a Field) -> bool,
) {
    for selection in &set.items {
        let inside = match &selection.node {
            Selection::Field(field) => visit(&field.node).then_some(&field.node.selection_set),
            Selection::InlineFragment(inline) => Some(&inline.node.selection_set),
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get_key_value(&spread.node.fragment_name.node);
                fragment.filter(|(name, _)| seen.insert(name)).map(|(_, fragment)| &fragment.node.selection_set)
            }
        };
        if let Some(inside) = inside {
            each_field(document, &inside.node, seen, visit);
        }
    }
}

/// Writes a field's arguments in one form. What means the same in another form counts as another: too much, never too
/// little.
fn arguments(field: &Field, variables: &Variables) -> String {
    let known = |name: Name| Ok::<_, ()>(variables.get(&name).cloned().unwrap_or(Value::Null));
    let mut arguments: Vec<_> = field.arguments.iter().collect();
    arguments.sort_by(|(one, _), (other, _)| one.node.cmp(&other.node));
    let written = arguments.into_iter().map(|(name, value)| {
        let value = value.node.clone().into_const_with(known).unwrap_or_default();
        format!("{}:{value},", name.node)
    });
    written.collect()
}
