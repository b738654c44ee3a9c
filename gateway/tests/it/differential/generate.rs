//! Documents and variables by chance: by the schema, and now and then against it.

use std::fmt::Write as _;

use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Node, Schema};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value};

use super::values::Variable;

/// One request.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) query: String,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Map<String, Value>,
}

/// Keys that fields are renamed to: few, so that they meet.
const ALIASES: [&str; 4] = ["a", "b", "title", "strict"];
/// By this factor faults are fewer than they say: what has one fault shows more than what has several.
const FEW: f64 = 0.4;

/// Makes the request of a number.
pub(super) fn case(schema: &Schema, seed: u64) -> Case {
    let mut random = StdRng::seed_from_u64(seed);
    // Half of the documents have no faults on purpose.
    let wild = random.random_bool(0.5);
    let mut make =
        Make { schema, random, wild, variables: Vec::new(), fragments: Vec::new(), written: Vec::new(), left: 40 };
    make.case()
}

pub(super) struct Make<'a> {
    pub(super) schema: &'a Schema,
    pub(super) random: StdRng,
    pub(super) wild: bool,
    pub(super) variables: Vec<Variable>,
    /// What fragments are written as, each with its name and type.
    fragments: Vec<(String, String, String)>,
    /// Fields that were written, each with its type: written again, they are merged.
    written: Vec<(String, String)>,
    /// How many more fields may be written.
    left: u32,
}

impl Make<'_> {
    fn case(&mut self) -> Case {
        let (kind, root) = if self.chance(0.15) { ("mutation", "Mutation") } else { ("query", "Query") };
        let body = self.selections(root, 4);
        if self.fault(0.03) {
            let _ = self.variable("Int");
        }
        let mut declared = String::new();
        for variable in &self.variables {
            let default = variable.default.as_ref().map(|default| format!(" = {default}")).unwrap_or_default();
            let _ = write!(declared, "${}: {}{default} ", variable.name, variable.ty);
        }
        if self.fault(0.02) {
            declared.push_str("$twice: Int $twice: Int ");
        }
        let parameters = if declared.is_empty() { String::new() } else { format!("({declared})") };
        let name = if self.chance(0.5) { "Op" } else { "" };
        let mut query = if kind == "query" && name.is_empty() && parameters.is_empty() && self.chance(0.5) {
            body
        } else {
            let directive = self.directive(false);
            format!("{kind} {name}{parameters}{directive} {body}")
        };
        for (name, ty, body) in &self.fragments {
            let _ = write!(query, "\nfragment {name} on {ty} {body}");
        }
        if self.fault(0.03) {
            query.push_str(self.text(&[
                " fragment Unused on Query { __typename }",
                " fragment F0 on Query { __typename }",
                " { __typename }",
                " query Op { __typename }",
                " type Query { a: Int }",
                " }",
                " fragment Loop on Query { ...Loop }",
            ]));
        }
        if !name.is_empty() && self.chance(0.1) {
            query.push_str(" query Other { me { id } }");
        }
        let named = !name.is_empty() && (query.contains("query Other") || self.chance(0.3));
        let operation_name = if self.fault(0.02) { Some("Nobody".to_owned()) } else { named.then(|| "Op".to_owned()) };
        let values = self.variables.iter();
        let variables = values.filter_map(|variable| Some((variable.name.clone(), variable.value.clone()?))).collect();
        Case { query, operation_name, variables }
    }

    fn selections(&mut self, ty: &str, depth: u32) -> String {
        if self.fault(0.01) {
            return "{ }".to_owned();
        }
        let number = self.random.random_range(1..=4);
        let mut text = "{ ".to_owned();
        for _ in 0..number {
            let selection = self.selection(ty, depth);
            let separator = self.text(&[" ", " ", ", ", "\n  ", " # a comment\n"]);
            text.push_str(&selection);
            text.push_str(separator);
        }
        text.push('}');
        text
    }

    fn selection(&mut self, ty: &str, depth: u32) -> String {
        match self.random.random_range(0..10) {
            0 if depth > 0 => {
                let condition = self.condition(ty);
                let directive = self.directive(true);
                let inside = self.selections(condition.as_deref().unwrap_or(ty), depth - 1);
                let condition = condition.map(|condition| format!(" on {condition}")).unwrap_or_default();
                format!("...{condition}{directive} {inside}")
            }
            1 | 2 if depth > 0 => self.spread(ty, depth),
            _ => self.field(ty, depth),
        }
    }

    /// A type that a value of `ty` may be.
    fn condition(&mut self, ty: &str) -> Option<String> {
        let fitting: Vec<_> = ["Book", "Person", "Node", "Item", "Query", "Mutation"]
            .into_iter()
            .filter(|other| overlap(ty, other))
            .collect();
        if self.fault(0.06) {
            return Some(self.text(&["Book", "Person", "Query", "Nobody", "Color", "Filter", "String"]).to_owned());
        }
        if self.chance(0.2) || fitting.is_empty() { None } else { Some(self.text(&fitting).to_owned()) }
    }

    fn spread(&mut self, ty: &str, depth: u32) -> String {
        let directive = self.directive(true);
        let fitting = self.fragments.iter().filter(|(_, on, _)| overlap(ty, on));
        let fitting: Vec<_> = fitting.map(|(name, ..)| name.clone()).collect();
        if self.fault(0.02) {
            return format!("...Nobody{directive}");
        }
        if !fitting.is_empty() && (self.fragments.len() >= 4 || self.random.random_bool(0.5)) {
            return format!("...{}{directive}", self.one(&fitting));
        }
        if self.fragments.len() >= 4 {
            return self.field(ty, depth);
        }
        let condition = self.condition(ty).unwrap_or_else(|| ty.to_owned());
        let name = format!("F{}", self.fragments.len());
        // Its name is known inside only where it may contain itself.
        if self.fault(0.03) {
            self.fragments.push((name.clone(), condition.clone(), "{ __typename }".to_owned()));
            let inside = self.selections(&condition, depth - 1);
            let own = self.fragments.iter_mut().find(|(known, ..)| *known == name);
            own.expect("it was put there").2 = inside;
        } else {
            let inside = self.selections(&condition, depth - 1);
            let name = format!("F{}", self.fragments.len());
            self.fragments.push((name.clone(), condition, inside));
            return format!("...{name}{directive}");
        }
        format!("...{name}{directive}")
    }

    fn field(&mut self, ty: &str, depth: u32) -> String {
        let same = self.written.iter().filter(|(on, _)| on == ty);
        let same: Vec<_> = same.map(|(_, field)| field.clone()).collect();
        if !same.is_empty() && self.chance(0.15) {
            return self.one(&same).clone();
        }
        let field = self.new_field(ty, depth);
        self.written.push((ty.to_owned(), field.clone()));
        field
    }

    fn new_field(&mut self, ty: &str, depth: u32) -> String {
        let fields = self.fields(ty);
        let usable: Vec<_> = fields.into_iter().filter(|field| depth > 0 || !self.is_composite(&field.ty)).collect();
        if usable.is_empty() || self.left == 0 || self.chance(0.08) {
            return "__typename".to_owned();
        }
        self.left -= 1;
        let field = self.one(&usable).clone();
        let alias = if self.chance(0.25) { format!("{}: ", self.text(&ALIASES)) } else { String::new() };
        let name = if self.fault(0.01) { "nothing".to_owned() } else { field.name.to_string() };
        let arguments = self.arguments(&field.arguments);
        let directive = self.directive(true);
        let mut inside = String::new();
        if self.is_composite(&field.ty) {
            if !self.fault(0.02) {
                inside = format!(" {}", self.selections(&field.ty.inner_named_type().clone(), depth.saturating_sub(1)));
            }
        } else if self.fault(0.02) {
            inside = " { id }".to_owned();
        }
        format!("{alias}{name}{arguments}{directive}{inside}")
    }

    fn fields(&self, ty: &str) -> Vec<Node<FieldDefinition>> {
        let own = match self.schema.types.get(ty) {
            Some(ExtendedType::Object(object)) => Some(&object.fields),
            Some(ExtendedType::Interface(interface)) => Some(&interface.fields),
            _ => None,
        };
        own.map(|fields| fields.values().map(|field| field.node.clone()).collect()).unwrap_or_default()
    }

    fn is_composite(&self, ty: &Type) -> bool {
        let ty = self.schema.types.get(ty.inner_named_type());
        matches!(ty, Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)))
    }

    fn arguments(&mut self, definitions: &[Node<InputValueDefinition>]) -> String {
        let mut written = Vec::new();
        for definition in definitions {
            let is_wanted = if definition.is_required() { !self.fault(0.05) } else { self.chance(0.4) };
            if is_wanted {
                written.push(format!("{}: {}", definition.name, self.value(&definition.ty, 2)));
            }
        }
        if self.fault(0.01) {
            written.push("nothing: 1".to_owned());
        }
        if self.fault(0.01)
            && let Some(first) = written.first().cloned()
        {
            written.push(first);
        }
        if written.is_empty() { String::new() } else { format!("({})", written.join(", ")) }
    }

    fn directive(&mut self, may_stand: bool) -> String {
        if self.fault(0.02) {
            let odd = [
                "@defer",
                "@skip",
                "@deprecated",
                "@nobody",
                "@include(if: 1)",
                "@skip(if: null)",
                "@include(if: true, a: 1)",
            ];
            return format!(" {}", self.text(&odd));
        }
        if !may_stand {
            return if self.fault(0.03) { " @skip(if: false)".to_owned() } else { String::new() };
        }
        if !self.chance(0.15) {
            return String::new();
        }
        let name = self.text(&["skip", "include"]).to_owned();
        let condition = if self.chance(0.5) { self.variable("Boolean!") } else { self.flag().to_owned() };
        let again = if self.fault(0.03) { format!(" @{name}(if: {condition})") } else { String::new() };
        format!(" @{name}(if: {condition}){again}")
    }

    pub(super) fn flag(&mut self) -> &'static str {
        self.text(&["true", "false"])
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    /// Whether to do something that is wrong, probably.
    pub(super) fn fault(&mut self, probability: f64) -> bool {
        self.wild && self.random.random_bool(probability * FEW)
    }

    pub(super) fn text(&mut self, several: &[&'static str]) -> &'static str {
        self.one::<&'static str>(several)
    }

    pub(super) fn one<'t, T>(&mut self, several: &'t [T]) -> &'t T {
        several.choose(&mut self.random).expect("there are some")
    }
}

/// Whether a value may be of both types.
fn overlap(one: &str, other: &str) -> bool {
    let objects = |ty: &str| match ty {
        "Node" | "Item" => vec!["Book".to_owned(), "Person".to_owned()],
        other => vec![other.to_owned()],
    };
    let others = objects(other);
    objects(one).iter().any(|object| others.contains(object))
}
