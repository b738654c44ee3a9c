//! A small schema with everything that makes execution hard, and resolvers that say the same every time. `oracle/run.mjs`
//! has the same in JavaScript: an object is its type and a number.

use std::sync::atomic::{AtomicI32, Ordering};

use async_graphql::{
    Context, Enum, ID, InputObject, InputValueError, InputValueResult, Interface, MaybeUndefined, Object, Result,
    Scalar, ScalarType, Schema, Subscription, Union, Value,
};
use futures::Stream;
use futures::stream;
use gateway::config::Guard;
use gateway::graphql::plan::{Executor, ScalarCheck};
use serde_json::{Map, Value as Json, json};

pub(super) type World = Executor<Query, Mutation, Ticks>;

/// Builds the schema behind the pass.
pub(super) fn world() -> World {
    let scalars: &[(&str, ScalarCheck)] = &[("Long", check::<Long>), ("Stamp", check::<Stamp>)];
    let guard = Guard { cost: u64::MAX, directives: 1_000, aliases: 1_000, roots: 1_000, ..Guard::default() };
    Executor::new(Schema::build(Query, Mutation, Ticks), scalars, guard, true).expect("the schema is valid")
}

fn check<T: ScalarType>(value: &Value) -> Result<(), String> {
    if T::is_valid(value) { Ok(()) } else { Err("it is none".to_owned()) }
}

/// What mutations change.
#[derive(Default)]
pub(super) struct Count(AtomicI32);

#[derive(Clone, Copy)]
pub(super) struct Long(i64);

#[Scalar]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => number.as_i64().map(Long).ok_or_else(|| InputValueError::custom("no Long")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

#[derive(Clone)]
pub(super) struct Stamp(String);

#[Scalar]
impl ScalarType for Stamp {
    fn parse(value: Value) -> InputValueResult<Self> {
        let is_one = |text: &str| {
            let form = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
            text.len() == 10 && text.bytes().enumerate().all(form)
        };
        match value {
            Value::String(text) if is_one(&text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum Color {
    Red,
    Green,
    Blue,
}

#[derive(Clone, InputObject)]
pub(super) struct Filter {
    name: MaybeUndefined<String>,
    #[graphql(default_with = "Some(Color::Green)")]
    color: Option<Color>,
    #[graphql(default = 3)]
    min: i32,
    flag: bool,
    ids: MaybeUndefined<Vec<ID>>,
    big: MaybeUndefined<Long>,
    stamp: MaybeUndefined<Stamp>,
    tags: MaybeUndefined<Vec<Option<Vec<Option<String>>>>>,
    nested: MaybeUndefined<Box<Filter>>,
}

#[derive(Clone, Copy)]
pub(super) struct Book(i32);

#[derive(Clone, Copy)]
pub(super) struct Person(i32);

#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID"), field(name = "title", ty = "Option<String>"))]
pub(super) enum Node {
    Book(Book),
    Person(Person),
}

#[derive(Union)]
pub(super) enum Item {
    Book(Book),
    Person(Person),
}

fn node(n: i32) -> Node {
    if n % 2 == 0 { Node::Book(Book(n)) } else { Node::Person(Person(n)) }
}

fn item(n: i32) -> Item {
    if n % 2 == 0 { Item::Book(Book(n)) } else { Item::Person(Person(n)) }
}

fn count(from: i32, length: Option<i32>) -> impl Iterator<Item = i32> {
    (0..length.unwrap_or(2).clamp(0, 5)).map(move |step| from + step)
}

fn fail<T>() -> Result<T> {
    Err("it fails".into())
}

fn maybe(n: i32) -> Result<Option<String>> {
    match n % 4 {
        0 => fail(),
        1 => Ok(None),
        _ => Ok(Some(format!("maybe {n}"))),
    }
}

fn strict(n: i32) -> Result<String> {
    if n % 3 == 0 { fail() } else { Ok(format!("strict {n}")) }
}

pub(super) struct Query;

#[Object]
impl Query {
    async fn me(&self) -> Person {
        Person(1)
    }

    async fn node(&self, id: ID) -> Option<Node> {
        (id.len() == 1).then(|| id.parse().ok().map(node)).flatten()
    }

    async fn item(&self, n: i32) -> Option<Item> {
        (n >= 0).then(|| item(n % 100))
    }

    async fn items(&self, #[graphql(default_with = "Some(3)")] n: Option<i32>) -> Option<Vec<Option<Item>>> {
        Some(count(1, n).map(item).map(Some).collect())
    }

    async fn books(
        &self,
        filter: Option<Filter>,
        #[graphql(default_with = "Some(2)")] first: Option<i32>,
    ) -> Vec<Book> {
        // Something that is there later than its neighbours.
        tokio::task::yield_now().await;
        count(filter.map_or(0, |filter| (filter.min % 10).abs()), first).map(Book).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "each is of another kind")]
    async fn echo(
        &self,
        filter: MaybeUndefined<Filter>,
        ids: MaybeUndefined<Vec<ID>>,
        #[graphql(default_with = "Some(Color::Red)")] color: Option<Color>,
        long: MaybeUndefined<Long>,
        stamp: MaybeUndefined<Stamp>,
        #[graphql(default_with = "Some(\"x\".to_owned())")] text: Option<String>,
        float: MaybeUndefined<f64>,
        #[graphql(default = false)] flag: bool,
        matrix: MaybeUndefined<Vec<Option<Vec<i32>>>>,
    ) -> Option<String> {
        let mut told = Map::new();
        put(&mut told, "filter", filter, told_filter);
        put(&mut told, "ids", ids, |ids| json!(ids));
        told.insert("color".to_owned(), color.map_or(Json::Null, told_color));
        put(&mut told, "long", long, |long| json!(long.0));
        put(&mut told, "stamp", stamp, |stamp| json!(stamp.0));
        told.insert("text".to_owned(), json!(text));
        put(&mut told, "float", float, told_float);
        told.insert("flag".to_owned(), json!(flag));
        put(&mut told, "matrix", matrix, |matrix| json!(matrix));
        told.sort_keys();
        Some(Json::Object(told).to_string())
    }

    async fn required(&self, x: i32) -> i32 {
        x % 100
    }

    async fn fails(&self) -> Result<Option<i32>> {
        fail()
    }

    async fn fails_hard(&self) -> Result<i32> {
        fail()
    }

    #[graphql(name = "self")]
    async fn same(&self) -> Self {
        Self
    }
}

fn put<T>(into: &mut Map<String, Json>, name: &str, value: MaybeUndefined<T>, tell: impl FnOnce(T) -> Json) {
    match value {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => drop(into.insert(name.to_owned(), Json::Null)),
        MaybeUndefined::Value(value) => drop(into.insert(name.to_owned(), tell(value))),
    }
}

fn told_color(color: Color) -> Json {
    json!(match color {
        Color::Red => "RED",
        Color::Green => "GREEN",
        Color::Blue => "BLUE",
    })
}

/// JavaScript writes no point after a whole number.
fn told_float(float: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    if float.fract() == 0.0 && float.abs() < 1e15 { json!(float as i64) } else { json!(float) }
}

fn told_filter(filter: Filter) -> Json {
    let mut told = Map::new();
    put(&mut told, "name", filter.name, |name| json!(name));
    told.insert("color".to_owned(), filter.color.map_or(Json::Null, told_color));
    told.insert("min".to_owned(), json!(filter.min));
    told.insert("flag".to_owned(), json!(filter.flag));
    put(&mut told, "ids", filter.ids, |ids| json!(ids));
    put(&mut told, "big", filter.big, |big| json!(big.0));
    put(&mut told, "stamp", filter.stamp, |stamp| json!(stamp.0));
    put(&mut told, "tags", filter.tags, |tags| json!(tags));
    put(&mut told, "nested", filter.nested, |nested| told_filter(*nested));
    told.sort_keys();
    Json::Object(told)
}

#[Object]
impl Book {
    async fn id(&self) -> ID {
        self.0.into()
    }

    async fn title(&self) -> Option<String> {
        (self.0 % 5 != 0).then(|| format!("book {}", self.0))
    }

    async fn pages(&self) -> i32 {
        self.0 * 10
    }

    async fn price(&self) -> f64 {
        f64::from(self.0) + 0.5
    }

    async fn color(&self) -> Color {
        [Color::Red, Color::Green, Color::Blue][usize::try_from(self.0).expect("no less than zero") % 3]
    }

    async fn author(&self) -> Option<Person> {
        tokio::task::yield_now().await;
        (self.0 % 4 != 0).then(|| Person(self.0 + 1))
    }

    async fn editor(&self) -> Result<Person> {
        if self.0 % 6 == 5 { fail() } else { Ok(Person(self.0 + 2)) }
    }

    async fn related(&self, #[graphql(default_with = "Some(2)")] first: Option<i32>) -> Option<Vec<Node>> {
        Some(count(self.0 + 1, first).map(node).collect())
    }

    async fn strict(&self) -> Result<String> {
        strict(self.0)
    }

    async fn maybe(&self) -> Result<Option<String>> {
        maybe(self.0)
    }

    async fn scores(&self) -> Option<Vec<Result<i32>>> {
        let second = if self.0 % 3 == 1 { fail() } else { Ok(self.0 + 1) };
        Some(vec![Ok(self.0), second, Ok(self.0 + 2)])
    }

    async fn holes(&self) -> Vec<Option<Result<i32>>> {
        vec![Some(Ok(self.0)), (self.0 % 2 == 1).then(fail), Some(Ok(self.0 + 2))]
    }
}

#[Object]
impl Person {
    async fn id(&self) -> ID {
        self.0.into()
    }

    async fn title(&self) -> Option<String> {
        (self.0 % 5 != 0).then(|| format!("person {}", self.0))
    }

    async fn name(&self) -> String {
        format!("name {}", self.0)
    }

    async fn books(&self, #[graphql(default_with = "Some(2)")] first: Option<i32>) -> Vec<Book> {
        count(self.0 + 1, first).map(Book).collect()
    }

    async fn friend(&self) -> Result<Option<Self>> {
        match self.0 {
            n if n % 7 == 0 => fail(),
            n if n % 5 == 0 => Ok(None),
            n => Ok(Some(Self(n + 3))),
        }
    }

    async fn best(&self) -> Item {
        item(self.0 + 1)
    }

    async fn strict(&self) -> Result<String> {
        strict(self.0)
    }

    async fn maybe(&self) -> Result<Option<String>> {
        maybe(self.0)
    }
}

pub(super) struct Mutation;

#[Object]
impl Mutation {
    async fn bump(&self, ctx: &Context<'_>, #[graphql(default_with = "Some(1)")] by: Option<i32>) -> i32 {
        add(ctx, by.unwrap_or(0) % 100)
    }

    async fn boom(&self) -> Result<Option<i32>> {
        fail()
    }

    async fn make(&self, ctx: &Context<'_>, filter: Filter) -> Option<Book> {
        Some(Book(add(ctx, filter.min % 10).abs()))
    }
}

fn add(ctx: &Context<'_>, by: i32) -> i32 {
    ctx.data_unchecked::<Count>().0.fetch_add(by, Ordering::Relaxed) + by
}

pub(super) struct Ticks;

#[Subscription]
impl Ticks {
    /// Books from 0 on.
    async fn book(&self, #[graphql(default = 4)] first: i32) -> impl Stream<Item = Option<Book>> {
        stream::iter(count(0, Some(first)).map(Book).map(Some))
    }
}
