//! Weighs a parsed document, each selection once.

use super::{Definitions, GuardError, TooComplex, Values};
use crate::config::Guard;
use apollo_compiler::Node;
use apollo_compiler::ast::{
    Argument, DirectiveList, Field, FragmentDefinition, OperationDefinition, OperationType, Selection, Value,
};
use async_graphql::Value as VariableValue;
use contracts::rest::orders::ITEMS_LIMIT;
use std::collections::HashMap;

/// How deep selections may nest, with spreads: the walk and validation recurse.
const NESTING: u64 = 64;
/// The whole document may have so many times the fields of one operation, and, expanded, so many times its tokens:
/// validation looks at fragments repeatedly.
const WORK: u64 = 5;
/// The assumed lengths of lists without a length argument.
const LISTS: &[(&str, u64)] = &[
    ("links", 20),
    // A link's `orders` is not a list, but is weighed like one.
    ("orders", 20),
    ("products", 20),
    ("items", ITEMS_LIMIT as u64),
    ("history", 10),
    ("paymentMethods", 5),
    ("revenue", 3),
    ("refunds", 3),
    ("topReferrers", 10),
    ("topCountries", 10),
    ("browsers", 10),
    ("devices", 5),
    ("series", 31),
    // Introspection.
    ("types", 50),
    ("fields", 8),
    ("inputFields", 4),
    ("args", 2),
    ("enumValues", 2),
    ("directives", 5),
];
/// The longest list that a service returns.
const LONGEST: u64 = 100;

/// The weight of a selection with its fragments expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Fields at the top level.
    pub(super) width: u64,
    pub(super) fields: u64,
    /// Fields inside fields.
    pub(super) depth: u64,
    /// Like `depth`, but with spreads and inline fragments counted: the depth of recursion.
    pub(super) nesting: u64,
    pub(super) aliases: u64,
    pub(super) directives: u64,
    /// Values in the answer.
    pub(super) cost: u64,
    /// Fields, fragments, arguments, values and directives: the work of validation.
    pub(super) parts: u64,
}

impl Weight {
    /// Adds the weight of a sibling. All counts saturate.
    fn beside(self, other: Self) -> Self {
        Self {
            width: self.width.saturating_add(other.width),
            fields: self.fields.saturating_add(other.fields),
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            cost: self.cost.saturating_add(other.cost),
            parts: self.parts.saturating_add(other.parts),
        }
    }

    /// Wraps the weight in a field that yields it `times` times.
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
        Self { nesting: self.nesting.saturating_add(1), parts: self.parts.saturating_add(1), ..self }
    }

    fn with_directives(mut self, directives: &DirectiveList) -> Self {
        self.directives = self.directives.saturating_add(directives.len() as u64);
        for directive in directives.iter() {
            self.parts = self.parts.saturating_add(1).saturating_add(parts_of(&directive.arguments));
        }
        self
    }

    fn within(&self, guard: &Guard) -> Result<(), TooComplex> {
        let limits = [
            (self.fields, guard.fields, "fields"),
            (self.depth, guard.depth, "levels"),
            (self.nesting, NESTING, "nested selections"),
            (self.aliases, guard.aliases, "aliases"),
            (self.directives, guard.directives, "directives"),
            (self.cost, guard.cost, "values in the answer"),
        ];
        match limits.into_iter().find(|(found, allowed, _)| found > allowed) {
            Some((_, allowed, limit)) => Err(TooComplex { limit, allowed }),
            None => Ok(()),
        }
    }
}

/// Checks every operation and fragment, because validation looks at all of them.
pub(super) fn check(parts: &Definitions<'_>, guard: &Guard) -> Result<(), GuardError> {
    check_by(&mut Walk::of(parts, None), guard)
}

fn check_by(walk: &mut Walk<'_>, guard: &Guard) -> Result<(), GuardError> {
    let parts = walk.parts;
    let (mut fields, mut looks) = (0_u64, 0_u64);
    for operation in &parts.operations {
        let weight = walk.operation(operation)?;
        weight.within(guard)?;
        check_roots(operation, weight.width, guard)?;
        fields = fields.saturating_add(weight.fields);
        looks = looks.saturating_add(weight.parts);
    }
    for fragment in &parts.fragments {
        let weight = walk.fragment(fragment, 0)?;
        weight.within(guard)?;
        fields = fields.saturating_add(weight.fields);
        looks = looks.saturating_add(weight.parts);
    }
    let limits = [
        (fields, guard.fields, "fields in the document"),
        (looks, guard.tokens as u64, "parts in the document, fragments expanded"),
    ];
    for (found, allowed, limit) in limits {
        let allowed = allowed.saturating_mul(WORK);
        if found > allowed {
            return Err(TooComplex { limit, allowed }.into());
        }
    }
    Ok(())
}

pub(super) fn check_operation(
    parts: &Definitions<'_>,
    operation: &OperationDefinition,
    values: &Values,
    guard: &Guard,
) -> Result<(), GuardError> {
    Ok(Walk::of(parts, Some(values)).operation(operation)?.within(guard)?)
}

fn check_roots(operation: &OperationDefinition, found: u64, guard: &Guard) -> Result<(), TooComplex> {
    let allowed = match operation.operation_type {
        OperationType::Query => guard.roots,
        // Mutations run one after another, and each is a write.
        OperationType::Mutation => guard.roots.div_ceil(2),
        // GraphQL specification, 5.2.3.1.
        OperationType::Subscription => 1,
    };
    if found > allowed { Err(TooComplex { limit: "fields at the top", allowed }) } else { Ok(()) }
}

struct Walk<'a> {
    parts: &'a Definitions<'a>,
    /// The variables' values, where they are known.
    values: Option<&'a Values>,
    /// The weight of each fragment so far; `None` while it is being weighed.
    known: HashMap<*const FragmentDefinition, Option<Weight>>,
    /// How many selections were looked at.
    #[cfg(test)]
    looked_at: usize,
}

impl<'a> Walk<'a> {
    fn of(parts: &'a Definitions<'a>, values: Option<&'a Values>) -> Self {
        Self {
            parts,
            values,
            known: HashMap::new(),
            #[cfg(test)]
            looked_at: 0,
        }
    }

    fn operation(&mut self, operation: &OperationDefinition) -> Result<Weight, GuardError> {
        let mut weight = self.selections(&operation.selection_set, 0)?.with_directives(&operation.directives);
        for variable in &operation.variables {
            let default = variable.default_value.as_ref().map_or(0, |value| parts_of_value(value));
            weight.parts = weight.parts.saturating_add(1).saturating_add(default);
            weight = weight.with_directives(&variable.directives);
        }
        Ok(weight)
    }

    fn selections(&mut self, set: &[Selection], nesting: u64) -> Result<Weight, GuardError> {
        if nesting > NESTING {
            return Err(TooComplex { limit: "nested selections", allowed: NESTING }.into());
        }
        let mut sum = Weight::default();
        for selection in set {
            #[cfg(test)]
            {
                self.looked_at += 1;
            }
            let weight = match selection {
                Selection::Field(field) => self.field(field, nesting)?.with_directives(&field.directives),
                Selection::FragmentSpread(spread) => {
                    self.spread(&spread.fragment_name, nesting)?.with_directives(&spread.directives)
                }
                Selection::InlineFragment(inline) => {
                    let inside = self.selections(&inline.selection_set, nesting + 1)?;
                    inside.under_fragment().with_directives(&inline.directives)
                }
            };
            sum = sum.beside(weight);
        }
        Ok(sum)
    }

    fn field(&mut self, field: &Field, nesting: u64) -> Result<Weight, GuardError> {
        let inside = self.selections(&field.selection_set, nesting + 1)?;
        let mut weight = inside.under_field(length(&field.name, &field.arguments, self.values));
        weight.aliases = weight.aliases.saturating_add(u64::from(field.alias.is_some()));
        weight.parts = weight.parts.saturating_add(parts_of(&field.arguments));
        Ok(weight)
    }

    fn spread(&mut self, name: &str, nesting: u64) -> Result<Weight, GuardError> {
        match self.parts.fragment(name) {
            Some(fragment) => self.fragment(fragment, nesting),
            // Validation refuses unknown fragments.
            None => Ok(Weight { parts: 1, ..Weight::default() }),
        }
    }

    fn fragment(&mut self, fragment: &FragmentDefinition, nesting: u64) -> Result<Weight, GuardError> {
        let key = std::ptr::from_ref(fragment);
        match self.known.get(&key) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(GuardError::Cycle(fragment.name.clone())),
            None => {}
        }
        self.known.insert(key, None);
        let inside = self.selections(&fragment.selection_set, nesting + 1)?;
        let weight = inside.under_fragment().with_directives(&fragment.directives);
        self.known.insert(key, Some(weight));
        Ok(weight)
    }
}

/// Returns how many values a field may yield. A length that is a variable counts as 1 without `values`.
pub fn length(name: &str, arguments: &[Node<Argument>], values: Option<&Values>) -> u64 {
    let usual = || LISTS.iter().find(|(list, _)| *list == name).map_or(1, |(_, length)| *length);
    let Some(argument) = arguments.iter().find(|argument| tells_length(argument)) else { return usual() };
    let (number, longest) = match (&*argument.value, values) {
        (Value::Int(number), _) => (number.as_str().parse().ok(), LONGEST),
        (Value::List(items), _) => (Some(items.len() as u64), u64::MAX),
        (Value::Enum(granularity), _) => return points(granularity),
        // Weighed when the values are known.
        (Value::Variable(_), None) => (Some(1), LONGEST),
        (Value::Variable(name), Some(values)) => match values.get(name) {
            None => return usual(),
            Some(VariableValue::Number(number)) => (number.as_u64(), LONGEST),
            Some(VariableValue::List(items)) => (Some(items.len() as u64), u64::MAX),
            Some(VariableValue::Enum(granularity)) => return points(granularity),
            Some(_) => (None, LONGEST),
        },
        _ => (None, LONGEST),
    };
    number.unwrap_or(longest).clamp(1, longest)
}

/// How many points a series has: of hours at most those of 31 days, of days usually as many as a month has.
fn points(granularity: &str) -> u64 {
    if granularity == "HOUR" { 31 * 24 } else { 31 }
}

/// Whether an argument says how long the field's list is: a page's length, what is to be made, one answer each, or the
/// width of a series' points.
fn tells_length(argument: &Argument) -> bool {
    matches!(argument.name.as_str(), "first" | "inputs" | "granularity")
}

/// Whether a selection says by a variable how long a list is. Fragments that it spreads are not looked into.
pub(super) fn has_variable_length(set: &[Selection]) -> bool {
    set.iter().any(|selection| match selection {
        Selection::Field(field) => {
            let is_variable =
                |argument: &Node<Argument>| tells_length(argument) && argument.value.as_variable().is_some();
            field.arguments.iter().any(is_variable) || has_variable_length(&field.selection_set)
        }
        Selection::InlineFragment(inline) => has_variable_length(&inline.selection_set),
        Selection::FragmentSpread(_) => false,
    })
}

fn parts_of(arguments: &[Node<Argument>]) -> u64 {
    let each = |argument: &Node<Argument>| parts_of_value(&argument.value).saturating_add(1);
    arguments.iter().map(each).fold(0, u64::saturating_add)
}

/// Counts the values in a value. Its depth is limited: it is made of brackets.
fn parts_of_value(value: &Value) -> u64 {
    let inside = match value {
        Value::List(items) => items.iter().map(|item| parts_of_value(item)).fold(0, u64::saturating_add),
        Value::Object(fields) => fields.iter().map(|(_, field)| parts_of_value(field)).fold(0, u64::saturating_add),
        _ => 0,
    };
    inside.saturating_add(1)
}

/// Weighs the one operation of a document, without limits.
#[cfg(test)]
pub(super) fn weigh(parts: &Definitions<'_>) -> Weight {
    Walk::of(parts, None).operation(parts.operations[0]).expect("no deeper than allowed")
}

/// How many selections a check of a document looks at.
#[cfg(test)]
pub(super) fn steps(parts: &Definitions<'_>, guard: &Guard) -> usize {
    let mut walk = Walk::of(parts, None);
    let _ = check_by(&mut walk, guard);
    walk.looked_at
}
