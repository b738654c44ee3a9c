//! From parameters to a request that may be executed.

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection};
use async_graphql::{Request, Value};
use chassis::http::Failure;
use contracts::problem::Code;

use super::super::guard;
use super::parameters::Parameters;
use crate::config::Guard;

/// Why a request is not executed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) code: Code,
    pub(super) retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>, code: Code) -> Self {
        Self { message: message.into(), code, retry_after_ms: None }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let problem = failure.into_problem();
        let message = problem.detail.unwrap_or(problem.title);
        Self { message, code: problem.code, retry_after_ms: problem.retry_after_ms }
    }
}

/// What comes of parameters.
pub(super) type Attempt = Result<Prepared, Refusal>;

/// A request whose document is small enough to be looked at.
pub(super) struct Prepared {
    request: Request,
    document: ExecutableDocument,
}

impl Prepared {
    /// Parses the document, if it is small enough.
    pub(super) fn parse(parameters: Parameters, guard: &Guard) -> Attempt {
        let mut request = Request::new(parameters.query).variables(parameters.variables);
        request.operation_name = parameters.operation_name;
        let document = guard::parse(&request.query, &request.variables, guard)
            .map_err(|refused| Refusal::new(refused.message(), refused.code()))?;
        Ok(Self { request, document })
    }

    /// What kind of operation would be executed; a query, where it is not clear which one.
    pub(super) fn kind(&self) -> OperationType {
        self.operation().map_or(OperationType::Query, |operation| operation.ty)
    }

    /// Checks what async-graphql does not.
    pub(super) fn checked(self) -> Result<Request, Refusal> {
        if let Some(operation) = self.operation() {
            check_variables(operation, &self.request)?;
            check_root(operation)?;
        }
        let Self { mut request, document } = self;
        request.set_parsed_query(document);
        Ok(request)
    }

    fn operation(&self) -> Option<&OperationDefinition> {
        let mut operations = self.document.operations.iter();
        let found = match self.request.operation_name.as_deref() {
            Some(name) => operations.find(|(known, _)| known.is_some_and(|known| known.as_str() == name)),
            None if operations.len() == 1 => operations.next(),
            None => None,
        };
        found.map(|(_, operation)| &operation.node)
    }
}

/// Checks that every variable that must have a value has one (GraphQL specification, 6.1.2): async-graphql looks only
/// at those that are used.
fn check_variables(operation: &OperationDefinition, request: &Request) -> Result<(), Refusal> {
    for variable in &operation.variable_definitions {
        let (name, variable) = (&variable.node.name.node, &variable.node);
        let has_value = match request.variables.get(name) {
            None => variable.default_value.is_some(),
            Some(value) => *value != Value::Null,
        };
        if !variable.var_type.node.nullable && !has_value {
            let message = format!("The variable ${name} of type {} needs a value.", variable.var_type.node);
            return Err(Refusal::new(message, Code::ValidationFailed));
        }
    }
    Ok(())
}

/// Refuses subscriptions whose field stands in a fragment: async-graphql overlooks it, and would never tell anything.
fn check_root(operation: &OperationDefinition) -> Result<(), Refusal> {
    let is_field = |selection: &Selection| matches!(selection, Selection::Field(_));
    let all_fields = operation.selection_set.node.items.iter().all(|selection| is_field(&selection.node));
    if operation.ty == OperationType::Subscription && !all_fields {
        let message = "The field of a subscription must stand at its top, and not in a fragment.";
        return Err(Refusal::new(message, Code::ValidationFailed));
    }
    Ok(())
}
