//! The only way to execute something.

use super::finish::finish;
use super::select::Shape;
use super::{Plan, PlanError, Planner, ScalarCheck};
use crate::config::Guard;
use async_graphql::{
    ObjectType, Request, Response, Schema, SchemaBuilder, SubscriptionType, ValidationMode, Variables,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;

/// async-graphql's own limit on nesting. Our stricter one comes first.
const RECURSION: usize = 256;

/// A schema that executes plans, and nothing else.
pub struct Executor<Q, M, S> {
    schema: Schema<Q, M, S>,
    planner: Arc<Planner>,
}

impl<Q, M, S> Clone for Executor<Q, M, S> {
    fn clone(&self) -> Self {
        Self { schema: self.schema.clone(), planner: self.planner.clone() }
    }
}

impl<Q, M, S> Executor<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    /// Builds the schema. `scalars` has the checks of its own scalars.
    pub fn new(
        builder: SchemaBuilder<Q, M, S>,
        scalars: &[(&'static str, ScalarCheck)],
        guard: Guard,
        introspection: bool,
    ) -> anyhow::Result<Self> {
        let builder = builder.validation_mode(ValidationMode::Fast).limit_recursive_depth(RECURSION);
        let schema = builder.finish();
        let planner = Planner::new(&schema.sdl(), scalars, guard, introspection)?;
        Ok(Self { schema, planner: Arc::new(planner) })
    }

    pub fn sdl(&self) -> String {
        self.schema.sdl()
    }

    pub fn plan(&self, text: &str, operation: Option<&str>, variables: &Variables) -> Result<Plan, PlanError> {
        self.planner.plan(text, operation, variables)
    }

    /// Executes a query or mutation. `equip` adds the data for resolvers.
    pub async fn execute(&self, plan: Plan, equip: impl FnOnce(Request) -> Request) -> Response {
        let (request, shape) = request(plan, equip);
        finished(&shape, self.schema.execute(request).await)
    }

    pub fn stream(&self, plan: Plan, equip: impl FnOnce(Request) -> Request) -> BoxStream<'static, Response> {
        let (request, shape) = request(plan, equip);
        self.schema.execute_stream(request).map(move |response| finished(&shape, response)).boxed()
    }
}

fn request(plan: Plan, equip: impl FnOnce(Request) -> Request) -> (Request, Shape) {
    let Plan { document, variables, shape, .. } = plan;
    let mut request = equip(Request::new("").variables(variables));
    request.set_parsed_query(document);
    (request, shape)
}

/// Finishes a result. Errors without a path are request errors: nothing was executed.
fn finished(shape: &Shape, mut response: Response) -> Response {
    if response.errors.iter().all(|error| !error.path.is_empty()) {
        response.data = finish(shape, std::mem::take(&mut response.data), &mut response.errors);
    }
    response
}
