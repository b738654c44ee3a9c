//! Weighs a parsed document, each selection once.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, OperationType, Selection, SelectionSet};
use async_graphql::{Name, Pos, Value, Variables};

use super::Refused;
use crate::config::Guard;

/// How far selections may nest while walking, spreads included: the walk recurses, and so does validation.
const NESTING: u64 = 64;
/// Fields, of all operations and fragments together, that validation may have to look at.
const WORK: u64 = 5;
/// How long a list is taken to be when nothing says so.
const LISTS: &[(&str, u64)] = &[
    ("links", 20),
    // What a link sold has the same name and is no list: it is weighed as if it were.
    ("orders", 20),
    ("products", 20),
    ("items", 10),
    ("history", 10),
    ("paymentMethods", 5),
    ("revenue", 3),
    ("refunds", 3),
    ("topReferrers", 10),
    ("topCountries", 10),
    ("browsers", 10),
    ("devices", 5),
    ("series", 31),
    // Of the schema itself.
    ("types", 50),
    ("fields", 8),
    ("inputFields", 4),
    ("args", 2),
    ("enumValues", 2),
    ("directives", 5),
];
/// What a list's length is taken for when its argument cannot be known yet; no list of ours is longer.
const LONGEST: u64 = 100;

/// What a selection amounts to with its fragments expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Fields at its top.
    pub(super) width: u64,
    /// Fields at any depth.
    pub(super) fields: u64,
    /// The longest way down.
    pub(super) depth: u64,
    /// The longest way down, with spreads and inline fragments counted too: what recursion costs.
    pub(super) nesting: u64,
    pub(super) aliases: u64,
    pub(super) directives: u64,
    /// Values in the answer.
    pub(super) cost: u64,
}

impl Weight {
    /// Adds a neighbour. Saturates: a count that has no end in a `u64` is too large for any limit.
    fn beside(self, other: Self) -> Self {
        Self {
            width: self.width.saturating_add(other.width),
            fields: self.fields.saturating_add(other.fields),
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            cost: self.cost.saturating_add(other.cost),
        }
    }

    /// Puts a field around it that yields it `times` times.
    fn under_field(self, times: u64) -> Self {
        Self {
            width: 1,
            fields: self.fields.saturating_add(1),
            depth: self.depth.saturating_add(1),
            cost: self.cost.saturating_mul(times).saturating_add(1),
            ..self.under_fragment()
        }
    }

    fn under_fragment(self) -> Self {
        Self { nesting: self.nesting.saturating_add(1), ..self }
    }

    fn within(&self, guard: &Guard) -> Result<(), Refused> {
        let limits = [
            (self.fields, guard.fields, "fields"),
            (self.depth, guard.depth, "levels"),
            (self.nesting, NESTING, "nested selections"),
            (self.aliases, guard.aliases, "aliases"),
            (self.directives, guard.directives, "directives"),
            (self.cost, guard.cost, "values in the answer"),
        ];
        match limits.into_iter().find(|(found, allowed, _)| found > allowed) {
            Some((_, allowed, limit)) => Err(Refused::TooComplex { limit, allowed }),
            None => Ok(()),
        }
    }
}

/// Checks every operation and fragment: validation looks at all of them, whichever is executed.
pub(super) fn check(document: &ExecutableDocument, variables: &Variables, guard: &Guard) -> Result<(), Refused> {
    let mut walk = Walk { document, variables, known: HashMap::new() };
    let mut work = 0_u64;
    for operation in in_order(document.operations.iter().map(|(_, operation)| (operation.pos, &operation.node))) {
        let mut weight = walk.selections(&operation.selection_set.node, 0)?;
        weight.directives = weight.directives.saturating_add(operation.directives.len() as u64);
        weight.within(guard)?;
        let roots = match operation.ty {
            OperationType::Query => guard.roots,
            // They run one after another, and each costs a write.
            OperationType::Mutation => guard.roots.div_ceil(2),
            // GraphQL specification, 5.2.3.1.
            OperationType::Subscription => 1,
        };
        if weight.width > roots {
            return Err(Refused::TooComplex { limit: "fields at the top", allowed: roots });
        }
        work = work.saturating_add(weight.fields);
    }
    for name in in_order(document.fragments.iter().map(|(name, fragment)| (fragment.pos, name))) {
        let weight = walk.fragment(name, 0)?;
        weight.within(guard)?;
        work = work.saturating_add(weight.fields);
    }
    if work > guard.fields.saturating_mul(WORK) {
        return Err(Refused::TooComplex { limit: "fields in the document", allowed: guard.fields * WORK });
    }
    Ok(())
}

/// Sorts parts of a document as they are written: the parser keeps them in maps that iterate in any order, and the
/// same document must always be refused for the same reason.
fn in_order<T>(parts: impl Iterator<Item = (Pos, T)>) -> impl Iterator<Item = T> {
    let mut parts: Vec<_> = parts.collect();
    parts.sort_by_key(|(position, _)| *position);
    parts.into_iter().map(|(_, part)| part)
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// The weight of each fragment that was met; nothing while it is being weighed.
    known: HashMap<&'a Name, Option<Weight>>,
}

impl<'a> Walk<'a> {
    fn selections(&mut self, set: &'a SelectionSet, nesting: u64) -> Result<Weight, Refused> {
        if nesting > NESTING {
            return Err(Refused::TooComplex { limit: "nested selections", allowed: NESTING });
        }
        let mut sum = Weight::default();
        for selection in &set.items {
            let mut weight = match &selection.node {
                Selection::Field(field) => self.field(&field.node, nesting)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, nesting)?,
                Selection::InlineFragment(inline) => {
                    self.selections(&inline.node.selection_set.node, nesting + 1)?.under_fragment()
                }
            };
            let directives = selection.node.directives().len() as u64;
            weight.directives = weight.directives.saturating_add(directives);
            sum = sum.beside(weight);
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'a Field, nesting: u64) -> Result<Weight, Refused> {
        let inside = self.selections(&field.selection_set.node, nesting + 1)?;
        let mut weight = inside.under_field(self.length(field));
        weight.aliases = weight.aliases.saturating_add(u64::from(field.alias.is_some()));
        Ok(weight)
    }

    fn fragment(&mut self, name: &Name, nesting: u64) -> Result<Weight, Refused> {
        // One that does not exist weighs nothing; validation says so.
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else { return Ok(Weight::default()) };
        match self.known.get(name) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(Refused::Cycle(name.to_string())),
            None => {}
        }
        self.known.insert(name, None);
        let mut weight = self.selections(&fragment.node.selection_set.node, nesting + 1)?.under_fragment();
        weight.directives = weight.directives.saturating_add(fragment.node.directives.len() as u64);
        self.known.insert(name, Some(weight));
        Ok(weight)
    }

    /// Returns how many values the field may yield.
    fn length(&self, field: &Field) -> u64 {
        let Some(first) = field.get_argument("first") else {
            let usual = LISTS.iter().find(|(name, _)| *name == field.name.node.as_str());
            return usual.map_or(1, |(_, length)| *length);
        };
        let known = |name: Name| self.variables.get(&name).cloned().ok_or(());
        let number = match first.node.clone().into_const_with(known) {
            Ok(Value::Number(number)) => number.as_u64(),
            _ => None,
        };
        number.unwrap_or(LONGEST).clamp(1, LONGEST)
    }
}

/// Weighs the one operation of a document, without limits.
#[cfg(test)]
pub(super) fn weigh(document: &ExecutableDocument, variables: &Variables) -> Weight {
    let mut walk = Walk { document, variables, known: HashMap::new() };
    let (_, operation) = document.operations.iter().next().expect("an operation");
    walk.selections(&operation.node.selection_set.node, 0).expect("no deeper than allowed")
}
