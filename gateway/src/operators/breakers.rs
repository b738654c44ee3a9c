//! `/breakers`: the state of breakers, and operators' actions.

use super::{Operators, audit};
use axum::Router;
use axum::extract::State as Shared;
use axum::routing::{get, post};
use breaker::{Breaker, Force, Forced, Snapshot, State, Transition};
use chassis::http::documented::{BadBody, OperatorsOnly, Usual};
use chassis::http::{Failure, Json, Path};
use chassis::jwt::{Caller, Operator};
use chrono::{DateTime, Utc};
use contracts::problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use std::time::{Duration, UNIX_EPOCH};
use utoipa::{IntoResponses, ToSchema};

/// The longest duration of a force, in seconds: a day.
const LONGEST_FORCE: u64 = 24 * 60 * 60;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

pub(super) fn routes() -> Router<Operators> {
    Router::new()
        .route("/breakers", get(list))
        .route("/breakers/audit", get(audit::audit))
        .route("/breakers/{name}", get(one))
        .route("/breakers/{name}/force", post(force))
        .route("/breakers/{name}/reset", post(reset))
        .route("/breakers/{name}/probe", post(probe))
}

/// The answer where a breaker is named that there is not.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum NoBreaker {
    /// `not_found`: there is no breaker with this name.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// The state of a breaker.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BreakerView {
    /// Its name: the upstream's, or `redis`.
    pub name: String,
    /// The worst state of its classes: `closed`, `half_open` or `open`.
    pub state: &'static str,
    /// The operator's force, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<ForcedView>,
    /// Calls of the last ten seconds that succeeded or failed.
    pub calls: u32,
    /// Calls of the last ten seconds that got no connection, were late or broke.
    pub failures: u32,
    /// Failed connections in a row.
    pub consecutive_failures: u32,
    /// Milliseconds until a timer changes the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves_in_ms: Option<u64>,
    /// The state of each class of calls.
    pub classes: Vec<ClassView>,
}

/// The state of one class of calls.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClassView {
    /// `read`, `write` or `redirect`; `all` where there is only one.
    pub class: &'static str,
    /// `closed`, `half_open` or `open`.
    pub state: &'static str,
    /// Calls of the last ten seconds that succeeded or failed.
    pub calls: u32,
    /// Calls of the last ten seconds that got no connection, were late or broke.
    pub failures: u32,
    /// Callers of the last ten seconds.
    pub callers: usize,
    /// Callers whose last call was late or broke.
    pub failing_callers: usize,
    /// How many times in a row it has opened without closing in between.
    pub times_opened: u32,
}

/// An operator's force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForcedView {
    /// `open` or `closed`.
    pub state: &'static str,
    /// Milliseconds until it ends.
    pub ends_in_ms: u64,
    /// The operator's reason.
    pub reason: String,
}

/// A transition of a breaker.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TransitionView {
    /// Its number; also the id of its event.
    pub number: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The name of the breaker.
    pub breaker: String,
    /// The classes that changed together.
    pub classes: Vec<&'static str>,
    /// The state before.
    pub from: &'static str,
    /// The state after.
    pub to: &'static str,
    /// The operator's reason.
    pub cause: &'static str,
    /// The operator's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /breakers/{name}/force`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForceRequest {
    /// `open` or `closed`.
    state: ForcedState,
    /// The duration in seconds: 1 to 86,400.
    ttl_seconds: u64,
    /// The reason: 1 to 200 characters.
    reason: String,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ForcedState {
    Open,
    Closed,
}

/// `POST /breakers/{name}/reset` and `/probe`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonRequest {
    /// The reason: 1 to 200 characters.
    reason: String,
}

/// The answer to `GET /breakers`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BreakerList {
    breakers: Vec<BreakerView>,
}

/// Returns the state of every breaker.
#[utoipa::path(
    get, path = "/breakers", tag = "breakers", security(("bearer" = [])),
    responses((status = 200, description = "Every breaker.", body = BreakerList), Usual, OperatorsOnly),
)]
pub(crate) async fn list(_: Operator, Shared(operators): Shared<Operators>) -> Json<BreakerList> {
    Json(BreakerList { breakers: operators.breakers.all().iter().map(BreakerView::of).collect() })
}

/// Returns the state of one breaker.
#[utoipa::path(
    get, path = "/breakers/{name}", tag = "breakers", security(("bearer" = [])), params(("name" = String, Path)),
    responses((status = 200, description = "The breaker.", body = BreakerView), Usual, OperatorsOnly, NoBreaker),
)]
pub(crate) async fn one(
    _: Operator,
    Shared(operators): Shared<Operators>,
    Path(name): Path<String>,
) -> Result<Json<BreakerView>, Failure> {
    Ok(Json(BreakerView::of(&operators.find(&name)?)))
}

/// Holds a breaker open or closed for a while.
#[utoipa::path(
    post, path = "/breakers/{name}/force", tag = "breakers", security(("bearer" = [])), params(("name" = String, Path)),
    request_body = ForceRequest,
    responses(
        (status = 200, description = "The breaker as it is now.", body = BreakerView),
        Usual, OperatorsOnly, BadBody, NoBreaker
    ),
)]
pub(crate) async fn force(
    Operator(operator): Operator,
    Shared(operators): Shared<Operators>,
    Path(name): Path<String>,
    Json(request): Json<ForceRequest>,
) -> Result<Json<BreakerView>, Failure> {
    let ttl = request.ttl_seconds;
    if !(1..=LONGEST_FORCE).contains(&ttl) {
        return Err(Failure::field("ttl_seconds", format!("must be 1 to {LONGEST_FORCE}")));
    }
    let (to, action) = match request.state {
        ForcedState::Open => (Forced::Open, "force_open"),
        ForcedState::Closed => (Forced::Closed, "force_closed"),
    };
    let hold = |breaker: &Breaker, reason| {
        breaker.force(&Force { to, ttl: Duration::from_secs(ttl), reason });
        Ok(())
    };
    operators.order(&operator, &name, action, &request.reason, Some(ttl), hold).await
}

/// Closes a breaker, clears its counts and ends a force.
#[utoipa::path(
    post, path = "/breakers/{name}/reset", tag = "breakers", security(("bearer" = [])), params(("name" = String, Path)),
    request_body = ReasonRequest,
    responses(
        (status = 200, description = "The breaker as it is now.", body = BreakerView),
        Usual, OperatorsOnly, BadBody, NoBreaker
    ),
)]
pub(crate) async fn reset(
    Operator(operator): Operator,
    Shared(operators): Shared<Operators>,
    Path(name): Path<String>,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<BreakerView>, Failure> {
    let reset = |breaker: &Breaker, reason: String| {
        breaker.reset(&reason);
        Ok(())
    };
    operators.order(&operator, &name, "reset", &request.reason, None, reset).await
}

/// Half-opens an open breaker early.
#[utoipa::path(
    post, path = "/breakers/{name}/probe", tag = "breakers", security(("bearer" = [])), params(("name" = String, Path)),
    request_body = ReasonRequest,
    responses(
        (status = 200, description = "The breaker as it is now.", body = BreakerView),
        (status = 409, description = "`conflict`: it did not open by itself.", body = Problem, content_type = "application/problem+json"),
        Usual, OperatorsOnly, BadBody, NoBreaker
    ),
)]
pub(crate) async fn probe(
    Operator(operator): Operator,
    Shared(operators): Shared<Operators>,
    Path(name): Path<String>,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<BreakerView>, Failure> {
    let refused = || Failure::new(Code::Conflict, "Only a breaker that opened by itself can be probed.");
    let probe = |breaker: &Breaker, reason: String| breaker.probe(&reason).then_some(()).ok_or_else(refused);
    operators.order(&operator, &name, "probe", &request.reason, None, probe).await
}

impl Operators {
    fn find(&self, name: &str) -> Result<Breaker, Failure> {
        let nothing = || Failure::new(Code::NotFound, "There is no breaker of that name.");
        self.breakers.get(name).ok_or_else(nothing)
    }

    /// Carries out an action and writes it to the audit log. Refused actions are not written.
    async fn order(
        &self,
        operator: &Caller,
        name: &str,
        action: &str,
        reason: &str,
        ttl_seconds: Option<u64>,
        act: impl FnOnce(&Breaker, String) -> Result<(), Failure>,
    ) -> Result<Json<BreakerView>, Failure> {
        let breaker = self.find(name)?;
        let reason = checked(reason)?;
        act(&breaker, reason.clone())?;
        let entry = audit::AuditEntry::now(operator.user_id, name, action, reason, ttl_seconds);
        audit::append(&self.store, &entry).await;
        Ok(Json(BreakerView::of(&breaker)))
    }
}

fn checked(reason: &str) -> Result<String, Failure> {
    let reason = reason.trim();
    if (1..=LONGEST_REASON).contains(&reason.chars().count()) && !reason.chars().any(char::is_control) {
        Ok(reason.to_owned())
    } else {
        Err(Failure::field("reason", format!("must be 1 to {LONGEST_REASON} printable characters")))
    }
}

impl BreakerView {
    pub(super) fn of(breaker: &Breaker) -> Self {
        let (snapshots, consecutive_failures) = breaker.snapshots();
        let classes: Vec<_> = breaker.classes().iter().zip(&snapshots).map(ClassView::of).collect();
        // A force applies to all classes.
        let force = snapshots.iter().find_map(|class| class.force.as_ref());
        let forced = force.map(|force| ForcedView {
            state: match force.to {
                Forced::Open => "open",
                Forced::Closed => "closed",
            },
            ends_in_ms: millis(force.ttl),
            reason: force.reason.clone(),
        });
        Self {
            name: breaker.name().to_owned(),
            state: snapshots.iter().map(|class| class.state).max().unwrap_or(State::Closed).as_str(),
            forced,
            calls: classes.iter().map(|class| class.calls).sum(),
            failures: classes.iter().map(|class| class.failures).sum(),
            consecutive_failures,
            moves_in_ms: snapshots.iter().filter_map(|class| class.moves_in).min().map(millis),
            classes,
        }
    }
}

impl ClassView {
    fn of((class, snapshot): (&&'static str, &Snapshot)) -> Self {
        Self {
            class,
            state: snapshot.state.as_str(),
            calls: snapshot.totals.calls,
            failures: snapshot.totals.failures,
            callers: snapshot.callers,
            failing_callers: snapshot.failing_callers,
            times_opened: snapshot.streak,
        }
    }
}

impl TransitionView {
    pub(super) fn of(transition: &Transition) -> Self {
        let since = transition.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            number: transition.number,
            at: DateTime::from_timestamp_millis(i64::try_from(since.as_millis()).unwrap_or(0)).unwrap_or_default(),
            breaker: transition.breaker.to_string(),
            classes: transition.classes.clone(),
            from: transition.change.from.as_str(),
            to: transition.change.to.as_str(),
            cause: transition.change.cause.as_str(),
            reason: transition.change.reason.clone(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
