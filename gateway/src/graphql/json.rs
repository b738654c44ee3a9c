use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// Any JSON value. async-graphql's own scalar has no `specifiedBy`.
pub struct Json(pub serde_json::Value);

/// Any JSON value (RFC 8259).
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
