//! Every operation that the programs say they have is met without a token, with a forged one, and malformed.
//!
//! The tables in [`rest`] and [`graphql`] hold a case for each. An operation without a case fails here, and so does
//! a case without an operation: adding one means saying how it refuses.

mod graphql;
mod graphql_table;
mod rest;
mod rest_table;

use std::collections::BTreeSet;

use anyhow::Result;
use e2e_tests::Platform;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Everybody, by design; says why.
    Public(&'static str),
    /// Whoever has an account.
    User,
    /// Operators.
    Operator,
    /// Services, whose tokens the gateway does not accept.
    Service,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_strangers_and_nonsense() -> Result<()> {
    rest::has_a_case_for_every_operation()?;
    graphql::has_a_case_for_every_field()?;
    let platform = Platform::start().await?;
    let rest = rest::every_case_is_refused(&platform).await;
    graphql::every_case_is_refused(&platform).await?;
    rest
}

/// Compares what there is with what the table covers.
fn assert_covered(what: &str, there: &BTreeSet<String>, covered: &BTreeSet<String>) {
    let missing: Vec<_> = there.difference(covered).collect();
    let obsolete: Vec<_> = covered.difference(there).collect();
    assert!(missing.is_empty(), "{what} without a case that is unauthorised and one that is malformed: {missing:#?}");
    assert!(obsolete.is_empty(), "cases for {what} that do not exist (any more): {obsolete:#?}");
    assert!(!there.is_empty(), "no {what} found at all");
}
