//! The pass in front of the executor beside graphql-js 16: the same verdict, the same data, in the same order, for
//! requests by chance. A number makes a request, so what fails is made again by its number.

mod generate;
mod values;
mod world;

use std::process::Stdio;

use async_graphql::Variables;
use async_graphql::parser::types::OperationType;
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use generate::{Case, case};
use world::{Count, World, world};

/// Tells a difference by what a request came to, ours first.
type Tells = fn(&Outcome, &Outcome) -> bool;

/// Differences that stay, each with its reason, and how to tell it.
const STAYS: &[(&str, Tells)] = &[
    (
        "A variable that is null and stands in the condition of @skip or @include fails the field around it in \
         graphql-js, after fields before it have run. Here nothing runs.",
        |ours, theirs| ours.says("The condition of @") && matches!(theirs, Outcome::Executed { .. }),
    ),
    ("graphql-js takes a number beyond those of 64 bits for infinity. Here it is no Float.", |ours, theirs| {
        ours.says("non-finite") && matches!(theirs, Outcome::Executed { .. })
    }),
];

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Outcome {
    /// Nothing was executed.
    Refused {
        /// Why.
        refused: Vec<String>,
    },
    /// It was executed.
    Executed {
        /// The data as it is written.
        data: String,
        /// Messages of failed fields.
        errors: Vec<String>,
    },
}

impl Outcome {
    /// Whether two are the same to a client. Words are not compared, nor how many errors there are: the specification
    /// leaves open whether a field is still executed whose parent is null already.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { .. }, Self::Refused { .. }) => true,
            (Self::Executed { data, errors }, Self::Executed { data: theirs, errors: other }) => {
                data == theirs && errors.is_empty() == other.is_empty()
            }
            _ => false,
        }
    }

    /// Whether some error says so.
    fn says(&self, words: &str) -> bool {
        let (Self::Refused { refused: errors } | Self::Executed { errors, .. }) = self;
        errors.iter().any(|error| error.contains(words))
    }
}

/// graphql-js, in a process of its own.
struct Oracle {
    _node: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Oracle {
    async fn start(sdl: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle");
        kit::npm::install(folder.as_ref()).expect("packages are there");
        let mut node = Command::new("node");
        node.arg("run.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut node = node.spawn().expect("Node is installed");
        let input = node.stdin.take().expect("a pipe");
        let output = BufReader::new(node.stdout.take().expect("a pipe")).lines();
        let mut oracle = Self { _node: node, input, output };
        assert_eq!(oracle.say(&json!({ "sdl": sdl })).await, "{}");
        oracle
    }

    async fn answer(&mut self, case: &Case) -> Outcome {
        let Case { query, operation_name, variables } = case;
        let request = json!({ "query": query, "operationName": operation_name, "variables": variables });
        serde_json::from_str(&self.say(&request).await).expect("an outcome")
    }

    async fn say(&mut self, request: &Value) -> String {
        self.input.write_all(format!("{request}\n").as_bytes()).await.expect("Node listens");
        self.output.next_line().await.expect("Node speaks").expect("Node goes on")
    }
}

async fn ours(world: &World, case: &Case) -> Outcome {
    let variables = Variables::from_json(Value::Object(case.variables.clone()));
    let plan = match world.plan(&case.query, case.operation_name.as_deref(), &variables) {
        Ok(plan) => plan,
        Err(refused) => {
            return Outcome::Refused { refused: refused.faults.into_iter().map(|fault| fault.message).collect() };
        }
    };
    assert_ne!(plan.kind(), OperationType::Subscription);
    let response = world.execute(plan, |request| request.data(Count::default())).await;
    let data = serde_json::to_string(&response.data).expect("JSON");
    Outcome::Executed { data, errors: response.errors.into_iter().map(|error| error.message).collect() }
}

/// Compares the requests of some numbers. Returns how many of them both executed.
async fn compare(numbers: std::ops::Range<u64>) -> usize {
    let world = world();
    let sdl = world.sdl();
    let schema = apollo_compiler::Schema::parse_and_validate(&sdl, "world.graphql").expect("the schema is valid");
    let mut oracle = Oracle::start(&sdl).await;
    let (mut executed, mut differences) = (0, Vec::new());
    for number in numbers {
        let case = case(&schema, number);
        let (ours, theirs) = (ours(&world, &case).await, oracle.answer(&case).await);
        if ours.is_like(&theirs) {
            executed += usize::from(matches!(ours, Outcome::Executed { .. }));
        } else if !STAYS.iter().any(|(_, tells)| tells(&ours, &theirs)) {
            differences.push(format!("{number}: {case:#?}\nours:   {ours:?}\ntheirs: {theirs:?}\n{}", case.query));
        }
    }
    let few: Vec<_> = differences.iter().take(5).cloned().collect();
    assert!(differences.is_empty(), "{} differences, as these:\n{}", differences.len(), few.join("\n\n"));
    executed
}

#[tokio::test]
async fn requests_by_chance_are_answered_as_graphql_js_answers_them() {
    let executed = compare(0..500).await;
    assert!((150..350).contains(&executed), "{executed} of 500 were executed: most documents say nothing");
}

#[tokio::test]
async fn odd_texts_are_taken_and_refused_as_graphql_js_does() {
    let world = world();
    let mut oracle = Oracle::start(&world.sdl()).await;
    let numbers = ["007", "00", "-0", "-", "1.", ".5", "1e", "1e3", "1E+2", "1x", "0x1", "1.0", "+1", "2147483647"];
    let strings = [
        r#""\q""#,
        r#""\uD83D""#,
        r#""\uD83D\uDE00""#,
        r#""\uDE00\uD83D""#,
        r#""\u{1F600}""#,
        r#""\u{D83D}""#,
        r#""\u{110000}""#,
        r#""\u{}""#,
        r#""\u12""#,
        "\"a\nb\"",
        "\"a\tb\"",
        "\"open",
        "\"\"\"open",
        "\"\"\"a \"\" b\"\"\"",
        "\"\u{7}\"",
    ];
    let others = [
        "",
        " ",
        "{",
        "{ }",
        "{ me { id } } }",
        "{ me { id } & }",
        "\u{FEFF}{ me { id } }",
        "{ me { id } }\u{FEFF}",
        "{,me,{,id,},}",
        "{ me { id } } # end",
        "{ me { ...on } } fragment on on Person { id }",
        "query on { me { id } }",
        "{ on: me { id } }",
        "{ true: me { null: id } }",
        "query ($true: Int) { echo(float: $true) }",
        "{ echo(color: true) }",
        "{ echo(filter: {}) }",
        "query() { me { id } }",
        "{ me() { id } }",
        "query ($a: Int @skip(if: true)) { items(n: $a) { __typename } }",
        "query ($a: [Int]) { items(n: $a) { __typename } }",
        "{ __typename @foo }",
        "{ __typename @include(if: false) }",
        "extend type Query { a: Int }",
        "{ __type(name: \"Book\") { name kind } }",
        "{ books(first: 1) { scores(a: 1) } }",
        "{ me { id: __typename } }",
        "{ echo(ids: [\"1\"]) echo(ids: [\"1\", \"2\"]) }",
        "{ echo(ids: [\"1\"], flag: true) echo(flag: true, ids: [\"1\"]) }",
        "{ echo(filter: { flag: true, min: 1 }) echo(filter: { min: 1, flag: true }) }",
        "{ item(n: 1) { ... on Book { x: pages } ... on Person { x: name } } }",
        "{ item(n: 1) { ... on Book { x: strict } ... on Person { x: name } } }",
        "{ item(n: 1) { ... on Book { x: maybe } ... on Person { x: name } } }",
        "{ item(n: 1) { ... on Book { x: related { id } } ... on Person { x: books { id } } } }",
    ];
    let texts = numbers.iter().map(|number| format!("{{ echo(float: {number}) items(n: {number}) {{ __typename }} }}"));
    let texts = texts.chain(numbers.iter().map(|number| format!("{{ echo(float: {number}) }}")));
    let texts = texts.chain(strings.iter().map(|string| format!("{{ echo(text: {string}) }}")));
    let mut differences = Vec::new();
    for query in texts.chain(others.map(str::to_owned)) {
        let case = Case { query, operation_name: None, variables: serde_json::Map::new() };
        let (ours, theirs) = (ours(&world, &case).await, oracle.answer(&case).await);
        if !ours.is_like(&theirs) {
            differences.push(format!("{:?}\nours:   {ours:?}\ntheirs: {theirs:?}", case.query));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[tokio::test]
async fn every_event_of_a_subscription_is_put_in_order() {
    let world = world();
    let text = "subscription($yes: Boolean!) { ...f } fragment f on Ticks {
        tick: book { pages strict @include(if: $yes) author { name } color } }";
    let variables = Variables::from_json(json!({ "yes": true }));
    let plan = world.plan(text, None, &variables).expect("it is valid");
    let events: Vec<_> = world.stream(plan, |request| request).collect().await;
    let events =
        events.into_iter().map(|event| (serde_json::to_string(&event.data).expect("JSON"), event.errors.len()));
    let expected = [
        // Every third book has a field that fails and may not be null.
        (r#"{"tick":null}"#, 1),
        (r#"{"tick":{"pages":10,"strict":"strict 1","author":{"name":"name 2"},"color":"GREEN"}}"#, 0),
        (r#"{"tick":{"pages":20,"strict":"strict 2","author":{"name":"name 3"},"color":"BLUE"}}"#, 0),
        (r#"{"tick":null}"#, 1),
    ];
    assert_eq!(events.collect::<Vec<_>>(), expected.map(|(data, errors)| (data.to_owned(), errors)));
}

mod long {
    #[tokio::test]
    async fn many_requests_by_chance_are_answered_as_graphql_js_answers_them() {
        let executed = super::compare(500..5_500).await;
        assert!(executed > 1_500, "{executed}");
    }
}
