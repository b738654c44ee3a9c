//! Weighs what statistics cost analytics. It is asked once for each window, whatever the number of fields and links, and
//! counts each different facet of it once.

use std::borrow::Cow;

use async_graphql::parser::types::{Field, Selection};
use async_graphql::{Name, Positioned, Value};
use async_graphql_value::Value as InputValue;

use super::{TooComplex, Values};
use crate::config::Guard;

/// The type whose fields are statistics of one link.
pub const TYPE: &str = "LinkStats";
/// What a window costs: a call of its own, and the totals, of which one counting tells several fields.
const WINDOW: u64 = 10;
const SERIES: u64 = 5;
/// What a series of hours costs more: it has up to 744 points for each link.
const HOURS: u64 = 10;
/// What a list of the most frequent values costs.
const TOP: u64 = 3;
/// For so many links a window costs as much again. One call is about 100 links; of 10,000 clicks a month each, they took
/// analytics 3.4 times as long as one of them.
const LINKS: u64 = 50;
/// Fields that the totals tell.
const TOTALS: [&str; 5] = ["clicks", "uniqueVisitors", "asOf", "stale", "__typename"];

/// Values of variables are borrowed: each field may take one that is as large as the request.
type Arguments<'a> = Vec<(Name, Cow<'a, Value>)>;

/// What one operation asks of analytics.
pub struct Statistics<'a> {
    values: &'a Values,
    windows: Vec<Window<'a>>,
    allowed: u64,
}

/// A span of time, which is counted at once for all links.
struct Window<'a> {
    arguments: Arguments<'a>,
    links: u64,
    /// What is counted beside the totals.
    facets: Vec<(Name, Arguments<'a>)>,
}

impl<'a> Statistics<'a> {
    /// Begins with nothing, for an operation whose variables have these values.
    pub const fn within(guard: &Guard, values: &'a Values) -> Self {
        Self { values, windows: Vec::new(), allowed: guard.statistics }
    }

    /// Adds a field of type [`TYPE`], whose own fields are merged, for so many links.
    pub fn add(&mut self, field: &Field, links: u64) -> Result<(), TooComplex> {
        let asked = arguments(field, self.values);
        let known = self.windows.iter().position(|window| window.arguments == asked);
        let at = known.unwrap_or_else(|| {
            self.windows.push(Window { arguments: asked, links: 0, facets: Vec::new() });
            self.windows.len() - 1
        });
        let window = &mut self.windows[at];
        window.links = window.links.saturating_add(links);
        window.add(&field.selection_set.node.items, self.values);
        let cost = self.windows.iter().map(Window::cost).fold(0, u64::saturating_add);
        if cost > self.allowed {
            return Err(TooComplex { limit: "units of statistics", allowed: self.allowed });
        }
        Ok(())
    }
}

impl<'a> Window<'a> {
    fn add(&mut self, selections: &[Positioned<Selection>], values: &'a Values) {
        for selection in selections {
            let Selection::Field(field) = &selection.node else { continue };
            let name = &field.node.name.node;
            if TOTALS.contains(&name.as_str()) {
                continue;
            }
            let facet = (name.clone(), arguments(&field.node, values));
            if !self.facets.contains(&facet) {
                self.facets.push(facet);
            }
        }
    }

    fn cost(&self) -> u64 {
        let facets: u64 = self.facets.iter().map(cost).sum();
        (WINDOW + facets).saturating_mul(1 + self.links / LINKS)
    }
}

fn cost((name, arguments): &(Name, Arguments<'_>)) -> u64 {
    match name.as_str() {
        "series" if arguments.iter().any(|(_, value)| matches!(&**value, Value::Enum(name) if name == "HOUR")) => {
            SERIES + HOURS
        }
        "series" => SERIES,
        _ => TOP,
    }
}

/// The arguments of a field with the values of variables, in one order. What means the same in another form counts as
/// another: too much, never too little.
fn arguments<'a>(field: &Field, values: &'a Values) -> Arguments<'a> {
    let read = |(name, argument): &(Positioned<Name>, Positioned<InputValue>)| {
        let value = match &argument.node {
            InputValue::Variable(name) => values.get(name.as_str()).map(Cow::Borrowed).unwrap_or_default(),
            // None of these arguments holds a variable inside.
            literal => Cow::Owned(literal.clone().into_const().unwrap_or_default()),
        };
        (name.node.clone(), value)
    };
    let mut arguments: Arguments<'_> = field.arguments.iter().map(read).collect();
    arguments.sort_by(|(one, _), (other, _)| one.cmp(other));
    arguments
}
