//! Every GraphQL field that takes arguments, as the schema tells: each argument and each field of an input is hostile
//! once, with the others as they should be; and documents that are hostile as a whole.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use e2e_tests::operations;
use futures::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};

use super::rest::{put, shown};
use super::values::{self, Kind, MARK};
use super::world::{LEFT_OUT, UNIQUE, World};
use super::{AT_ONCE, Rounds, sender};

struct Schema(HashMap<String, TypeKind>);

/// A field with arguments, and the document that asks for it with a variable for each.
struct Asked {
    name: String,
    document: String,
    arguments: Vec<InputValueDefinition>,
}

pub(super) async fn every_field(world: &World, rounds: &Rounds) -> Result<Vec<String>> {
    let schema = Schema::read(&operations::sdl()?)?;
    let mut wrong = Vec::new();
    for asked in schema.asked()? {
        let mut bodies = Vec::new();
        let proper: serde_json::Map<_, _> = asked
            .arguments
            .iter()
            .map(|one| (one.name.node.to_string(), schema.proper(world, &asked.name, one)))
            .collect();
        let mut ways = vec![(vec!["variables".to_owned()], Kind::Other)];
        let mut way = ways[0].0.clone();
        schema.ways(&asked.arguments, &mut way, &mut ways);
        let whole = json!({ "query": asked.document, "variables": proper });
        for (way, kind) in ways {
            let mut hostile = values::json_for(kind);
            hostile.push(json!(values::very_long()).to_string());
            for raw in rounds.some(&hostile) {
                let what = format!("{} with {} = {}", asked.name, way.join("."), shown(&raw));
                let body = put(whole.clone(), &way).to_string().replace(&format!("\"{MARK}\""), &raw);
                bodies.push((what, body));
            }
        }
        wrong.extend(send(world, rounds, bodies).await);
        let untouched = sender::breakers_are_untouched(&world.platform, &world.operator).await;
        wrong.extend(untouched.err().map(|error| format!("{}: {error:#}", asked.name)));
    }
    let documents = documents().into_iter().map(|raw| (shown(&raw), format!("{{\"query\":{raw}}}")));
    wrong.extend(send(world, rounds, documents.collect()).await);
    Ok(wrong)
}

async fn send(world: &World, rounds: &Rounds, bodies: Vec<(String, String)>) -> Vec<String> {
    let clients = [&world.user, &world.operator, &world.nobody];
    let outcomes = stream::iter(bodies.into_iter().enumerate()).map(|(number, (what, body))| async move {
        // Mostly the user, whom most fields are for.
        let client = clients[[0, 1, 0, 1, 0, 1, 2][number % 7]];
        let accept =
            if body.contains("subscription") { "text/event-stream" } else { "application/graphql-response+json" };
        let request = client.request(Method::POST, "/graphql").header("accept", accept);
        let request = request.header("content-type", "application/json").body(body.replace(UNIQUE, &rounds.unique()));
        sender::send(request).await.err().map(|error| format!("{what}: {error:#}"))
    });
    outcomes.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

impl Schema {
    fn read(sdl: &str) -> Result<Self> {
        let document = parse_schema(sdl).context("the gateway's schema")?;
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(one) => Some((one.node.name.node.to_string(), one.node.kind)),
            _ => None,
        });
        Ok(Self(types.collect()))
    }

    /// Every field with arguments.
    fn asked(&self) -> Result<Vec<Asked>> {
        let mut asked = Vec::new();
        for (name, kind) in &self.0 {
            let TypeKind::Object(object) = kind else { continue };
            for field in object.fields.iter().filter(|field| !field.node.arguments.is_empty()) {
                asked.push(self.ask(name, &field.node)?);
            }
        }
        asked.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(asked)
    }

    fn ask(&self, parent: &str, field: &FieldDefinition) -> Result<Asked> {
        let arguments: Vec<_> = field.arguments.iter().map(|argument| argument.node.clone()).collect();
        let list = |write: &dyn Fn(&InputValueDefinition) -> String| {
            arguments.iter().map(write).collect::<Vec<_>>().join(", ")
        };
        let variables = list(&|one| format!("${}: {}", one.name.node, one.ty.node));
        let given = list(&|one| format!("{0}: ${0}", one.name.node));
        let inside = match self.0.get(base(&field.ty.node)) {
            Some(TypeKind::Object(_)) => " { __typename }",
            _ => "",
        };
        let selected = format!("{}({given}){inside}", field.name.node);
        let (operation, selected) = match parent {
            "Query" => ("query", selected),
            "Mutation" => ("mutation", selected),
            "Subscription" => ("subscription", selected),
            "Link" => (
                "query",
                format!("link(code: \"hostile\") {{ {} }}", selected.replace("__typename", "clicks series { at }")),
            ),
            "LinkStats" => ("query", format!("link(code: \"hostile\") {{ stats {{ {selected} }} }}")),
            other => anyhow::bail!("{other}.{} takes arguments: say here how it is reached", field.name.node),
        };
        let document = format!("{operation}({variables}) {{ {selected} }}");
        Ok(Asked { name: format!("{parent}.{}", field.name.node), document, arguments })
    }

    fn kind(&self, of: &Type) -> Kind {
        match (&of.base, base(of)) {
            (BaseType::List(_), _) => Kind::Other,
            (_, "String") => Kind::Text,
            (_, "Int" | "Long") => Kind::Number,
            (_, "ID") => Kind::Id,
            (_, "DateTime") => Kind::Moment,
            _ => Kind::Other,
        }
    }

    fn proper(&self, world: &World, field: &str, argument: &InputValueDefinition) -> Value {
        let name = argument.name.node.as_str();
        if name == "id" {
            return json!(if field.contains("roduct") { &world.product } else { &world.order });
        }
        world
            .field("gateway", field, &snake_case(name))
            .unwrap_or_else(|| self.proper_of(world, field, &argument.ty.node))
    }

    fn proper_of(&self, world: &World, field: &str, of: &Type) -> Value {
        if let BaseType::List(item) = &of.base {
            return json!([self.proper_of(world, field, item)]);
        }
        match (self.0.get(base(of)), self.kind(of)) {
            (Some(TypeKind::InputObject(input)), _) => {
                let fields = input.fields.iter().map(|one| &one.node);
                let fields = fields.filter(|one| !LEFT_OUT.contains(&&*snake_case(&one.name.node)));
                fields
                    .map(|one| (one.name.node.to_string(), self.proper(world, field, one)))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }
            (Some(TypeKind::Enum(values)), _) => json!(values.values[0].node.value.node.as_str()),
            (_, Kind::Number) => json!(1),
            (_, Kind::Text) => json!("text"),
            (_, Kind::Id) => json!(world.product),
            (_, Kind::Moment) => json!("2026-01-10T00:00:00Z"),
            (_, Kind::Other) => json!(true),
        }
    }

    /// Every value of these arguments, by the way to it.
    fn ways(&self, arguments: &[InputValueDefinition], way: &mut Vec<String>, found: &mut Vec<(Vec<String>, Kind)>) {
        for argument in arguments {
            way.push(argument.name.node.to_string());
            found.push((way.clone(), self.kind(&argument.ty.node)));
            let is_list = matches!(argument.ty.node.base, BaseType::List(_));
            if let Some(TypeKind::InputObject(input)) = self.0.get(base(&argument.ty.node)) {
                let fields: Vec<_> = input.fields.iter().map(|one| one.node.clone()).collect();
                way.extend(is_list.then(|| "0".to_owned()));
                self.ways(&fields, way, found);
                way.truncate(way.len() - usize::from(is_list));
            }
            way.pop();
        }
    }
}

/// The name of a type, without lists around it.
fn base(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => base(item),
    }
}

fn snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_uppercase() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
        text
    })
}

/// Documents as raw JSON.
fn documents() -> Vec<String> {
    let literals = [
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\u0000""#,
        r#""\u{110000}""#,
        r#""\u{d800}""#,
        r#""\uZZZZ""#,
        r#""\x""#,
        "\"\n\"",
        r#""""block \""" "#,
        "\"\"\"\"\"\"",
        "99999999999999999999999999",
        "1e400",
        "-0",
        "007",
        "NaN",
        "$undefined",
        "[[[[[[1]]]]]]",
        "{a: {b: {c: 1}}}",
        "é",
        "\u{0}",
        "\u{feff}",
    ];
    let fields = [
        "link(code: #) { id }",
        "links(first: #) { __typename }",
        "order(id: #, at: #) { id }",
        "products(search: #) { __typename }",
    ];
    let asked =
        fields.iter().flat_map(|field| literals.iter().map(|literal| format!("{{ {} }}", field.replace('#', literal))));
    let windows: String = (1..=49)
        .map(|n| format!("s{n}: stats(from: \"2026-01-01T00:00:{n:02}Z\") {{ clicks series {{ at }} }} "))
        .collect();
    let whole = [
        String::new(),
        "{".to_owned(),
        "{".repeat(50_000),
        "#".repeat(100_000),
        "\u{feff}{ __typename }".to_owned(),
        "{ ...a } fragment a on Query { ...a }".to_owned(),
        "query($a: [[[[[[[[Int]]]]]]]]) { links(first: $a) { __typename } }".to_owned(),
        "query($a: Nothing!) { me { id } }".to_owned(),
        "query(".to_owned() + &"$a: Int ".repeat(3_000) + ") { me { id } }",
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }".to_owned(),
        "subscription { orderChanged(id: \"\") { id } a: orderChanged(id: \"\") { id } }".to_owned(),
        format!("{{ links(search: \"{}\") {{ __typename }} }}", values::very_long()),
        format!("{{ link(code: \"hostile\") {{ {windows} }} }}"),
        format!("{{ {}: me {{ id }} }}", values::very_long()),
        format!("mutation {{ {}: createLink(input: {{ url: \"https://shop.example/\" }}) {{ id }} }}", "a".repeat(300)),
    ];
    asked.chain(whole).map(|document| Value::from(document).to_string()).collect()
}
