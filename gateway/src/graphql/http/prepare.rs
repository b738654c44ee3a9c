//! From parameters to a plan that may be executed.

use async_graphql::parser::types::OperationType;
use chassis::http::Failure;
use contracts::problem::Code;

use super::super::GatewaySchema;
use super::super::plan::{Fault, Plan, Refused};
use super::parameters::Parameters;
use crate::metrics;

/// Fields of a mutation that get tokens.
const TOKEN_FIELDS: [&str; 3] = ["login", "register", "refreshSession"];

/// Why a request is not executed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) faults: Vec<Fault>,
    pub(super) code: Code,
    pub(super) retry_after_ms: Option<u64>,
    /// The code by another protocol's name, which its clients look for.
    pub(super) name: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>, code: Code) -> Self {
        let fault = Fault { message: message.into(), location: None };
        Self { faults: vec![fault], code, retry_after_ms: None, name: None }
    }

    /// Refuses as another protocol says.
    pub(super) fn named(message: &str, name: &'static str) -> Self {
        Self { name: Some(name), ..Self::new(message, Code::NotFound) }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let code = refused.code();
        Self { faults: refused.faults, code, retry_after_ms: None, name: None }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let problem = failure.into_problem();
        let message = problem.detail.unwrap_or(problem.title);
        Self { retry_after_ms: problem.retry_after_ms, ..Self::new(message, problem.code) }
    }
}

/// What comes of parameters.
pub(super) type Attempt = Result<Prepared, Refusal>;

/// A request whose document is valid and small enough, and whose variables fit it.
pub(super) struct Prepared {
    pub(super) plan: Plan,
}

impl Prepared {
    /// Plans what the parameters ask for.
    pub(super) fn parse(parameters: &Parameters, schema: &GatewaySchema) -> Attempt {
        let Parameters { query, operation_name, variables, .. } = parameters;
        match schema.plan(query, operation_name.as_deref(), variables) {
            Ok(plan) => Ok(Self { plan }),
            Err(refused) => {
                if let Some(limit) = refused.limit() {
                    metrics::refused_query(limit);
                }
                Err(refused.into())
            }
        }
    }

    /// What kind of operation would be executed.
    pub(super) const fn kind(&self) -> OperationType {
        self.plan.kind()
    }

    /// Whether the operation only gets tokens, and does nothing else: then a bad one is no reason to refuse it.
    pub(super) fn only_gets_tokens(&self) -> bool {
        let mut roots = self.plan.root_fields().peekable();
        let gets_any = self.kind() == OperationType::Mutation && roots.peek().is_some();
        gets_any && roots.all(|field| TOKEN_FIELDS.contains(&field))
    }
}
