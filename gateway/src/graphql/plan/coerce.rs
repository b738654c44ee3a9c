//! Coercion of variables (GraphQL specification, 6.1.2).

use super::super::guard::Values;
use super::document::Document;
use super::error::{Fault, MOST_FAULTS, PlanError};
use super::literal;
use super::types::Types;
use apollo_compiler::Name;
use apollo_compiler::ast::{self, Type, VariableDefinition};
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::ExtendedType;
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name as Key, Number, Value, Variables};
use async_graphql_value::Value as InputValue;

/// Coerces the variables of an operation. Undeclared ones are left out, and so are those with neither value nor
/// default.
pub(super) fn variables(
    types: &Types,
    document: &Document,
    operation: &Operation,
    given: &Variables,
) -> Result<Values, PlanError> {
    let (mut values, mut faults) = (Values::new(), Vec::new());
    for definition in &operation.variables {
        match variable(types, definition, given.get(&Key::new(&definition.name))) {
            Ok(Some(value)) => {
                values.insert(definition.name.clone(), value);
            }
            Ok(None) => {}
            Err(message) => faults.push(Fault::new(message, Some(document.position(definition.location())))),
        }
        if faults.len() == MOST_FAULTS {
            break;
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(PlanError::invalid(faults)) }
}

fn variable(types: &Types, definition: &VariableDefinition, given: Option<&Value>) -> Result<Option<Value>, String> {
    let VariableDefinition { name, ty, default_value, .. } = definition;
    let missing = || format!("The variable ${name} of type {ty} needs a value.");
    match (given, default_value) {
        (None, None) if ty.is_non_null() => Err(missing()),
        (None, None) => Ok(None),
        // Defaults were validated with the document.
        (None, Some(default)) => Ok(Some(constant(types, ty, default))),
        (Some(Value::Null), _) if ty.is_non_null() => Err(missing()),
        (Some(value), _) => match coerce(types, ty, value) {
            Ok(value) => Ok(Some(value)),
            Err(CoercionError { at, why }) => Err(format!("The variable ${name}{at} is not valid: {why}.")),
        },
    }
}

/// Why a value does not fit.
struct CoercionError {
    at: String,
    why: String,
}

impl CoercionError {
    fn because(why: impl Into<String>) -> Self {
        Self { at: String::new(), why: why.into() }
    }

    fn below(self, part: &str) -> Self {
        Self { at: format!("{part}{}", self.at), why: self.why }
    }
}

fn coerce(types: &Types, ty: &Type, value: &Value) -> Result<Value, CoercionError> {
    let name = match ty {
        Type::NonNullNamed(_) | Type::NonNullList(_) if *value == Value::Null => {
            return Err(CoercionError::because(format!("{ty} does not accept null")));
        }
        _ if *value == Value::Null => return Ok(Value::Null),
        Type::List(item) | Type::NonNullList(item) => return coerce_list(types, item, value),
        Type::Named(name) | Type::NonNullNamed(name) => name,
    };
    match types.get(name) {
        Some(ExtendedType::InputObject(_)) => coerce_object(types, name, value),
        Some(ExtendedType::Enum(definition)) => match value {
            Value::String(text) if definition.values.contains_key(text.as_str()) => Ok(Value::Enum(Key::new(text))),
            _ => Err(CoercionError::because(format!("it is not a value of {name}"))),
        },
        _ => scalar(types, name, value).map_err(CoercionError::because),
    }
}

fn coerce_list(types: &Types, item: &Type, value: &Value) -> Result<Value, CoercionError> {
    let Value::List(items) = value else { return Ok(Value::List(vec![coerce(types, item, value)?])) };
    let each = items.iter().enumerate();
    let each = each.map(|(at, value)| coerce(types, item, value).map_err(|unfit| unfit.below(&format!("[{at}]"))));
    each.collect::<Result<_, _>>().map(Value::List)
}

fn coerce_object(types: &Types, name: &Name, value: &Value) -> Result<Value, CoercionError> {
    let Value::Object(given) = value else { return Err(CoercionError::because(format!("{name} accepts an object"))) };
    let Some(definition) = types.get(name).and_then(ExtendedType::as_input_object) else { return Ok(value.clone()) };
    if let Some(unknown) = given.keys().find(|key| !definition.fields.contains_key(key.as_str())) {
        return Err(CoercionError::because(format!("{name} has no field {unknown}")));
    }
    let mut fields = IndexMap::new();
    for (field, definition) in &definition.fields {
        let value = match given.get(field.as_str()) {
            Some(value) => coerce(types, &definition.ty, value).map_err(|unfit| unfit.below(&format!(".{field}")))?,
            None => match &definition.default_value {
                Some(default) => constant(types, &definition.ty, default),
                None if definition.ty.is_non_null() => {
                    return Err(CoercionError::because(format!("{name} needs the field {field}")));
                }
                None => continue,
            },
        };
        fields.insert(Key::new(field), value);
    }
    Ok(Value::Object(fields))
}

pub(super) fn scalar(types: &Types, name: &Name, value: &Value) -> Result<Value, String> {
    let unfit = |what: &str| Err(format!("{name} accepts {what}"));
    match (name.as_str(), value) {
        ("Int", Value::Number(number)) => match whole(number).and_then(|number| i32::try_from(number).ok()) {
            Some(number) => Ok(number.into()),
            None => unfit("32-bit whole numbers"),
        },
        ("Int", _) => unfit("32-bit whole numbers"),
        ("Float", Value::Number(_)) | ("String", Value::String(_)) | ("Boolean", Value::Boolean(_)) => {
            Ok(value.clone())
        }
        ("Float", _) => unfit("numbers"),
        ("String", _) => unfit("strings"),
        ("Boolean", _) => unfit("true and false"),
        ("ID", Value::String(_)) => Ok(value.clone()),
        ("ID", Value::Number(number)) if whole(number).is_some() || number.is_u64() => {
            Ok(Value::String(whole(number).map_or_else(|| number.to_string(), |number| number.to_string())))
        }
        ("ID", _) => unfit("strings and whole numbers"),
        _ => types.check(name, value).map(|()| value.clone()),
    }
}

/// Reads a whole number, also one like `1.0`.
fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let as_float = || number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
    number.as_i64().or_else(|| as_float().map(|number| number as i64))
}

/// Reads a valid literal without variables.
fn constant(types: &Types, ty: &Type, literal: &ast::Value) -> Value {
    literal::read(types, ty, literal, &Values::new()).and_then(InputValue::into_const).unwrap_or_default()
}
