//! Converts literals of a document to values for the executor.

use super::super::guard::Values;
use super::types::Types;
use apollo_compiler::Name;
use apollo_compiler::ast::{self, Type};
use apollo_compiler::schema::ExtendedType;
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name as Key, Number};
use async_graphql_value::Value as InputValue;

/// Reads a valid literal. Returns `None` for an absent variable: its argument or input field is absent, too (GraphQL
/// specification, 6.4.1 and 3.10). Other variables stay variables, so that a large value is not copied into each field.
pub(super) fn read(types: &Types, ty: &Type, literal: &ast::Value, values: &Values) -> Option<InputValue> {
    match literal {
        ast::Value::Null => return Some(InputValue::Null),
        ast::Value::Variable(name) => return values.contains_key(name).then(|| InputValue::Variable(Key::new(name))),
        _ => {}
    }
    let name = match ty {
        Type::List(item) | Type::NonNullList(item) => {
            // In a list, absent means null (3.11).
            let read = |literal: &ast::Value| read(types, item, literal, values).unwrap_or(InputValue::Null);
            return Some(InputValue::List(match literal {
                ast::Value::List(items) => items.iter().map(|item| read(item)).collect(),
                single => vec![read(single)],
            }));
        }
        Type::Named(name) | Type::NonNullNamed(name) => name,
    };
    Some(match (types.get(name), literal) {
        (Some(ExtendedType::InputObject(definition)), ast::Value::Object(fields)) => {
            let read = |(key, literal): &(Name, apollo_compiler::Node<ast::Value>)| {
                let definition = definition.fields.get(key)?;
                Some((Key::new(key), read(types, &definition.ty, literal, values)?))
            };
            InputValue::Object(fields.iter().filter_map(read).collect())
        }
        // An id may be a number of any length.
        (_, ast::Value::Int(number)) if name == "ID" => InputValue::String(number.as_str().to_owned()),
        _ => untyped(literal, values),
    })
}

/// Reads a literal of a scalar that may hold anything.
pub(super) fn untyped(literal: &ast::Value, values: &Values) -> InputValue {
    match literal {
        ast::Value::Null => InputValue::Null,
        ast::Value::Enum(name) => InputValue::Enum(Key::new(name)),
        ast::Value::Variable(name) if values.contains_key(name) => InputValue::Variable(Key::new(name)),
        ast::Value::Variable(_) => InputValue::Null,
        ast::Value::String(text) => InputValue::String(text.clone()),
        ast::Value::Float(number) => number_of(number.as_str()),
        ast::Value::Int(number) => number_of(number.as_str()),
        ast::Value::Boolean(value) => InputValue::Boolean(*value),
        ast::Value::List(items) => InputValue::List(items.iter().map(|item| untyped(item, values)).collect()),
        ast::Value::Object(fields) => {
            let fields: IndexMap<_, _> =
                fields.iter().map(|(key, value)| (Key::new(key), untyped(value, values))).collect();
            InputValue::Object(fields)
        }
    }
}

/// Reads a number. One that fits no type becomes null, which numeric scalars refuse.
fn number_of(text: &str) -> InputValue {
    let whole = || text.parse::<i64>().map(Number::from).ok();
    let large = || text.parse::<u64>().map(Number::from).ok();
    let float = || text.parse::<f64>().ok().and_then(Number::from_f64);
    whole().or_else(large).or_else(float).map_or(InputValue::Null, InputValue::Number)
}
