//! Which operations there are, as the programs themselves say.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// One REST operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The program that has it.
    pub unit: String,
    /// Method and path, as in `GET /v1/links/{code}`.
    pub name: String,
    /// Whether it reads anything from a request: a body, a path, a query.
    pub takes_input: bool,
}

/// Reads a program's OpenAPI document. When the program is not built, or prints none.
pub fn openapi(unit: &str) -> Result<Value> {
    Ok(serde_json::from_str(&printed(unit, "openapi")?)?)
}

/// Reads a program's operations from its OpenAPI document. When the program is not built, or prints none.
pub fn rest(unit: &str) -> Result<Vec<Operation>> {
    let document = openapi(unit)?;
    let paths = document["paths"].as_object().with_context(|| format!("{unit} has no paths"))?;
    let mut found = Vec::new();
    for (path, item) in paths {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let has_parameters = |of: &Value| of["parameters"].as_array().is_some_and(|list| !list.is_empty());
            let takes_input =
                operation.get("requestBody").is_some() || has_parameters(operation) || has_parameters(item);
            let name = format!("{} {path}", method.to_uppercase());
            found.push(Operation { unit: unit.to_owned(), name, takes_input });
        }
    }
    Ok(found)
}

/// Reads the gateway's GraphQL schema. When the gateway is not built, or prints none.
pub fn sdl() -> Result<String> {
    printed("gateway", "sdl")
}

fn printed(unit: &str, what: &str) -> Result<String> {
    let output = Command::new(kit::paths::binary(unit)?).arg(what).output()?;
    ensure!(output.status.success(), "`{unit} {what}`: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
