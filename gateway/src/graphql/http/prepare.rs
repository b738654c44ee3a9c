//! Makes a plan of the parameters of a request.

use super::super::GatewaySchema;
use super::super::plan::{Fault, Plan, PlanError};
use super::parameters::Parameters;
use crate::metrics;
use async_graphql::parser::types::OperationType;
use chassis::http::Failure;
use contracts::problem::Code;

/// Fields of a mutation that return tokens.
const TOKEN_FIELDS: [&str; 3] = ["login", "register", "refreshSession"];

/// Why a request is not executed: a request error of the GraphQL specification (7.1.3).
#[derive(Debug)]
pub(super) struct RequestError {
    pub(super) faults: Vec<Fault>,
    pub(super) code: Code,
    pub(super) retry_after_ms: Option<u64>,
    /// The code of another protocol, which its clients expect.
    pub(super) name: Option<&'static str>,
}

impl RequestError {
    pub(super) fn new(message: impl Into<String>, code: Code) -> Self {
        let fault = Fault { message: message.into(), location: None };
        Self { faults: vec![fault], code, retry_after_ms: None, name: None }
    }

    /// Makes an error with a code of another protocol.
    pub(super) fn named(message: &str, name: &'static str) -> Self {
        Self { name: Some(name), ..Self::new(message, Code::NotFound) }
    }
}

impl From<PlanError> for RequestError {
    fn from(error: PlanError) -> Self {
        let code = error.code();
        Self { faults: error.faults, code, retry_after_ms: None, name: None }
    }
}

impl From<Failure> for RequestError {
    fn from(failure: Failure) -> Self {
        let problem = failure.into_problem();
        let message = problem.detail.unwrap_or(problem.title);
        Self { retry_after_ms: problem.retry_after_ms, ..Self::new(message, problem.code) }
    }
}

pub(super) fn plan(parameters: &Parameters, schema: &GatewaySchema) -> Result<Plan, RequestError> {
    let Parameters { query, operation_name, variables, .. } = parameters;
    schema.plan(query, operation_name.as_deref(), variables).map_err(|error| {
        if let Some(limit) = error.limit() {
            metrics::refused_query(limit);
        }
        error.into()
    })
}

/// Whether an operation only gets tokens. Such an operation is not refused for a bad token.
pub(super) fn only_gets_tokens(plan: &Plan) -> bool {
    let mut roots = plan.root_fields().peekable();
    let gets_any = plan.kind() == OperationType::Mutation && roots.peek().is_some();
    gets_any && roots.all(|field| TOKEN_FIELDS.contains(&field))
}
