//! Rules of the specification that apollo-compiler 1.33 does not check: variables inside lists and input objects
//! (5.8.5), duplicate input fields (5.6.3), and values of our own scalars (5.6.1).

use super::super::guard::Values;
use super::error::{Fault, MOST_FAULTS};
use super::line_index::LineIndex;
use super::literal;
use super::types::{Types, nullable};
use apollo_compiler::ast::{Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition};
use apollo_compiler::executable::{ExecutableDocument, Operation, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};
use async_graphql::Value as ExecutorValue;
use std::collections::HashSet;

/// Checks a document that apollo-compiler found valid. Each fragment is checked once for each operation.
pub(super) fn check(document: &ExecutableDocument, types: &Types, lines: &LineIndex) -> Vec<Fault> {
    let mut faults = Vec::new();
    for operation in document.operations.iter() {
        let mut check = Check { document, types, lines, operation, seen: HashSet::new(), faults: &mut faults };
        check.operation();
    }
    faults
}

struct Check<'a> {
    document: &'a ExecutableDocument,
    types: &'a Types,
    lines: &'a LineIndex,
    operation: &'a Operation,
    seen: HashSet<&'a str>,
    faults: &'a mut Vec<Fault>,
}

/// The location of a value.
struct Location<'a> {
    ty: &'a Type,
    /// Whether a default replaces an absent value.
    has_default: bool,
}

impl<'a> Check<'a> {
    fn operation(&mut self) {
        for variable in &self.operation.variables {
            if let Some(default) = &variable.default_value {
                self.value(&Location { ty: &variable.ty, has_default: false }, default);
            }
            self.directives(&variable.directives);
        }
        self.directives(&self.operation.directives);
        self.selections(&self.operation.selection_set);
    }

    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.definition.arguments, &field.arguments);
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment.filter(|fragment| self.seen.insert(&fragment.name)) {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        for directive in directives.iter() {
            if let Some(definition) = self.types.schema.directive_definitions.get(&directive.name) {
                self.arguments(&definition.arguments, &directive.arguments);
            }
        }
    }

    fn arguments(&mut self, definitions: &[Node<InputValueDefinition>], arguments: &[Node<Argument>]) {
        for argument in arguments {
            if let Some(definition) = definitions.iter().find(|definition| definition.name == argument.name) {
                self.value(&Location::of(definition), &argument.value);
            }
        }
    }

    fn value(&mut self, location: &Location<'_>, value: &Node<Value>) {
        match (&**value, location.ty) {
            (Value::Variable(name), _) => self.variable(location, name, value),
            (Value::Null, _) => {}
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                for value in items {
                    self.value(&Location { ty: item, has_default: false }, value);
                }
            }
            (_, Type::List(item) | Type::NonNullList(item)) => {
                self.value(&Location { ty: item, has_default: false }, value);
            }
            (_, Type::Named(name) | Type::NonNullNamed(name)) => self.named(name, value),
        }
    }

    fn named(&mut self, ty: &Name, value: &Node<Value>) {
        match (self.types.get(ty), &**value) {
            (Some(ExtendedType::InputObject(_)), Value::Object(fields)) => self.object(ty, fields),
            (Some(ExtendedType::Scalar(scalar)), literal) if !scalar.is_built_in() => {
                let known = literal::untyped(literal, &Values::new()).into_const().unwrap_or(ExecutorValue::Null);
                if let Err(why) = self.types.check(ty, &known) {
                    self.fault(format!("The value of type {ty} is not valid: {why}."), value);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, ty: &Name, fields: &[(Name, Node<Value>)]) {
        let mut seen = HashSet::new();
        for (name, value) in fields {
            if !seen.insert(name.as_str()) {
                self.fault(format!("The input field {name} is given twice."), value);
            }
            let types = self.types;
            if let Some(definition) = types.input_field(ty, name) {
                self.value(&Location::of(definition), value);
            }
        }
    }

    /// Checks that a variable is allowed in a location (5.8.5).
    fn variable(&mut self, location: &Location<'_>, name: &Name, value: &Node<Value>) {
        let Some(variable) = self.operation.variables.iter().find(|variable| variable.name == *name) else { return };
        if !location.takes(variable) {
            let message = format!(
                "The variable ${name} of type {} cannot be used where {} is expected.",
                variable.ty, location.ty
            );
            self.fault(message, value);
        }
    }

    fn fault(&mut self, message: String, at: &Node<Value>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault::new(message, self.lines.position(at.location())));
        }
    }
}

impl<'a> Location<'a> {
    fn of(definition: &'a InputValueDefinition) -> Self {
        Self { ty: &definition.ty, has_default: definition.default_value.is_some() }
    }

    fn takes(&self, variable: &VariableDefinition) -> bool {
        if !self.ty.is_non_null() || variable.ty.is_non_null() {
            return variable.ty.is_assignable_to(self.ty);
        }
        let has_value = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
        (has_value || self.has_default) && variable.ty.is_assignable_to(&nullable(self.ty))
    }
}
