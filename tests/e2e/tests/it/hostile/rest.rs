//! Every REST operation, as the programs describe it: each parameter and each field of the body is hostile once, with
//! the others as they should be.

use anyhow::{Context as _, Result};
use e2e_tests::{Client, operations};
use futures::{StreamExt as _, stream};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Map, Value, json};
use url::form_urlencoded::byte_serialize;

use super::values::{self, Kind, MARK};
use super::world::{LEFT_OUT, UNIQUE, World};
use super::{AT_ONCE, Rounds, sender};

const UNITS: [&str; 7] = ["auth", "shortener", "analytics", "orders", "inventory", "payments", "gateway"];
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
/// Headers that some part of every request's way reads.
const READ_EVERYWHERE: [&str; 11] = [
    "accept",
    "accept-language",
    "content-type",
    "if-none-match",
    "origin",
    "referer",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-forwarded-for",
    "x-request-id",
];

/// An operation of a program.
struct Operation<'a> {
    unit: &'a str,
    method: Method,
    path: &'a str,
    described: &'a Value,
    document: &'a Value,
}

/// A request that is proper but for one thing.
struct Shot {
    what: String,
    path: String,
    header: Option<(String, HeaderValue)>,
    body: Option<String>,
}

pub(super) async fn every_operation(world: &World, rounds: &Rounds) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for unit in UNITS {
        let document = operations::openapi(unit)?;
        let paths = document["paths"].as_object().context("paths")?;
        // The gateway's other routes are GraphQL, which has its own tries, and the redirect, which shortener describes, too.
        let met = |path: &str| unit != "gateway" || path.starts_with("/breakers");
        for (path, item) in paths.iter().filter(|(path, _)| met(path)) {
            for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
                let described = &item[*method];
                let method: Method = method.to_uppercase().parse()?;
                let operation = Operation { unit, method, path, described, document: &document };
                wrong.extend(try_operation(world, rounds, &operation).await);
                if unit == "gateway" {
                    sender::let_go(&world.platform, &world.operator).await?;
                }
                let untouched = sender::breakers_are_untouched(&world.platform, &world.operator).await;
                wrong.extend(untouched.err().map(|error| format!("{}: {error:#}", operation.name())));
            }
        }
    }
    Ok(wrong)
}

async fn try_operation(world: &World, rounds: &Rounds, operation: &Operation<'_>) -> Vec<String> {
    let client = if operation.is_operators() { &world.operator } else { &world.user };
    let shots = operation.shots(world, rounds);
    let nobody = shots.iter().step_by(9).map(|shot| (&world.nobody, shot));
    let tries = shots.iter().map(|shot| (client, shot)).chain(nobody);
    let outcomes = stream::iter(tries).map(|(client, shot)| async move {
        let outcome = operation.fire(client, world, rounds, shot).await;
        outcome.err().map(|error| format!("{} with {}: {error:#}", operation.name(), shot.what))
    });
    outcomes.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

impl Operation<'_> {
    fn name(&self) -> String {
        format!("{}: {} {}", self.unit, self.method, self.path)
    }

    fn is_operators(&self) -> bool {
        self.unit == "gateway" || self.described["responses"].get("403").is_some()
    }

    /// Where the operation is met: webhooks at the service itself, redirects at the gateway's short address, the
    /// gateway's own operations at its operators' address.
    fn base(&self, world: &World) -> (String, &'static str) {
        let gateway = world.platform.stack.url("gateway");
        match self.path {
            path if path.starts_with("/v1/webhooks") => (world.platform.stack.url(self.unit), ""),
            "/{code}" => (gateway, "/r"),
            _ if self.unit == "gateway" => (world.platform.stack.operators_url(), ""),
            _ => (gateway, "/api/"),
        }
    }

    async fn fire(&self, client: &Client, world: &World, rounds: &Rounds, shot: &Shot) -> Result<()> {
        let (base, prefix) = self.base(world);
        let unit = if prefix == "/api/" { self.unit } else { "" };
        let path = format!("{prefix}{unit}{}", shot.path);
        let mut request = client.at(base).request(self.method.clone(), &path);
        if let Some(body) = &shot.body {
            let body = body.replace(UNIQUE, &rounds.unique());
            request = request.header("content-type", "application/json").body(body);
        }
        if self.parameters("header").any(|(name, _)| name == "Idempotency-Key") {
            request = request.header("idempotency-key", rounds.unique());
        }
        if let Some((name, value)) = &shot.header {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(reqwest::header::HeaderName::from_bytes(name.as_bytes())?, value.clone());
            request = request.headers(headers);
        }
        sender::send(request).await
    }

    fn parameters<'a>(&'a self, place: &'a str) -> impl Iterator<Item = (&'a str, Kind)> {
        let all = self.described["parameters"].as_array().into_iter().flatten();
        let placed = all.filter(move |parameter| parameter["in"] == place);
        placed.map(|parameter| (parameter["name"].as_str().unwrap_or_default(), self.kind(&parameter["schema"])))
    }

    /// The path with every parameter as it should be, but for one.
    fn path_with(&self, world: &World, hostile: Option<(&str, &str)>) -> String {
        let mut path = self.path.to_owned();
        for (name, _) in self.parameters("path") {
            let proper = world.parameter(&self.method, self.path, name);
            let value = hostile.filter(|(other, _)| *other == name).map_or(proper, |(_, value)| value);
            path = path.replace(&format!("{{{name}}}"), value);
        }
        path
    }

    fn shots(&self, world: &World, rounds: &Rounds) -> Vec<Shot> {
        let body = self.body().map(|schema| self.proper(world, schema));
        let proper = self.path_with(world, None);
        let written = body.as_ref().map(Value::to_string);
        let shot = |what: String, path: String| Shot { what, path, header: None, body: written.clone() };
        let mut shots = Vec::new();
        for (name, kind) in self.parameters("path") {
            for text in rounds.some(&values::texts_for(kind)) {
                let path = self.path_with(world, Some((name, &encoded(&text))));
                shots.push(shot(format!("{name} = {}", shown(&text)), path));
            }
        }
        for (name, kind) in self.parameters("query").chain([("unheard_of", Kind::Text)]) {
            for text in rounds.some(&values::texts_for(kind)) {
                let path = format!("{proper}?{name}={}", encoded(&text));
                shots.push(shot(format!("?{name} = {}", shown(&text)), path));
            }
        }
        let own = self.parameters("header").map(|(name, _)| name);
        for name in own.chain(rounds.some(&READ_EVERYWHERE)) {
            for value in rounds.some(&headers()) {
                let what = format!("{name}: {value:.60?}");
                shots.push(Shot { header: Some((name.to_owned(), value)), ..shot(what, proper.clone()) });
            }
        }
        if let (Some(schema), Some(body)) = (self.body(), body) {
            let mut fields = vec![(Vec::new(), Kind::Other)];
            self.fields(schema, &mut Vec::new(), &mut fields);
            for (field, kind) in fields {
                let mut hostile = values::json_for(kind);
                hostile.push(json!(values::very_long()).to_string());
                for raw in rounds.some(&hostile) {
                    let what = format!("{} = {}", field.join("."), shown(&raw));
                    let body = put(body.clone(), &field).to_string().replace(&format!("\"{MARK}\""), &raw);
                    shots.push(Shot { body: Some(body), ..shot(what, proper.clone()) });
                }
            }
        }
        shots
    }

    fn body(&self) -> Option<&Value> {
        let content = self.described["requestBody"]["content"].get("application/json")?;
        content.get("schema")
    }

    /// Follows a reference; of alternatives takes the one that holds the most.
    fn schema<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.schema(&self.document["components"]["schemas"][name]);
        }
        let alternatives = schema["oneOf"].as_array().into_iter().flatten().map(|one| self.schema(one));
        let size = |one: &&Value| {
            one["properties"].as_object().map_or(usize::from(one["type"] != "null"), |all| all.len() + 1)
        };
        alternatives.max_by_key(size).unwrap_or(schema)
    }

    fn kind(&self, schema: &Value) -> Kind {
        let schema = self.schema(schema);
        let is = |name: &str| {
            schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&json!(name)))
        };
        match schema["format"].as_str() {
            Some("date-time") => Kind::Moment,
            Some("uuid") => Kind::Id,
            _ if is("integer") || is("number") => Kind::Number,
            _ if is("string") => Kind::Text,
            _ => Kind::Other,
        }
    }

    /// A value that should be accepted.
    fn proper(&self, world: &World, schema: &Value) -> Value {
        let schema = self.schema(schema);
        if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
            return first.clone();
        }
        match self.kind(schema) {
            Kind::Moment => json!("2026-01-10T00:00:00Z"),
            Kind::Id => json!(world.product),
            Kind::Number => json!(1),
            Kind::Text => json!("text"),
            Kind::Other => match (&schema["properties"], schema.get("items")) {
                (Value::Object(properties), _) => {
                    let fields = properties.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
                    let known = |name: &str| world.field(self.unit, self.path, name);
                    let fields =
                        fields.map(|(name, of)| (name.clone(), known(name).unwrap_or_else(|| self.proper(world, of))));
                    Value::Object(fields.collect::<Map<_, _>>())
                }
                (_, Some(items)) => json!([self.proper(world, items)]),
                _ => json!(true),
            },
        }
    }

    /// Every field of a body, by the way to it.
    fn fields(&self, schema: &Value, way: &mut Vec<String>, found: &mut Vec<(Vec<String>, Kind)>) {
        let schema = self.schema(schema);
        let inside = schema["properties"].as_object().into_iter().flatten();
        let inside =
            inside.map(|(name, of)| (name.clone(), of)).chain(schema.get("items").map(|of| ("0".to_owned(), of)));
        for (step, of) in inside {
            way.push(step);
            found.push((way.clone(), self.kind(of)));
            self.fields(of, way, found);
            way.pop();
        }
    }
}

/// Puts the mark where a way leads, and makes the way where there is none.
pub(super) fn put(mut body: Value, way: &[String]) -> Value {
    let Some((step, rest)) = way.split_first() else { return json!(MARK) };
    match &mut body {
        Value::Array(items) => {
            let first = if items.is_empty() { json!({}) } else { items.remove(0) };
            items.insert(0, put(first, rest));
        }
        Value::Object(fields) => {
            let before = fields.remove(step).unwrap_or_else(|| if rest.is_empty() { json!(null) } else { json!({}) });
            fields.insert(step.clone(), put(before, rest));
        }
        other => *other = json!({ step: put(json!({}), rest) }),
    }
    body
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The beginning of a value, for people.
pub(super) fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(40).collect();
    format!("{beginning:?} ({} bytes)", text.len())
}

fn headers() -> Vec<HeaderValue> {
    let long = ["x".repeat(300), "x".repeat(20_000), "a,".repeat(15_000), "9".repeat(400), "a;q=".repeat(3_000)];
    let short =
        ["", "*", "-1", "18446744073709551616", "W/\"1\"", "\"\"", "text/html;q=NaN", "00-0-0-00", "::1, 256.1.1.1"];
    let short = short.into_iter().map(str::to_owned).chain(long);
    let written = short.filter_map(|text| HeaderValue::try_from(text).ok());
    let raw: [&[u8]; 3] = [b"\xff\xfe", b"\xc3\xa9", b"a\tb"];
    written.chain(raw.into_iter().filter_map(|bytes| HeaderValue::from_bytes(bytes).ok())).collect()
}
