//! REST types of sagas, for operators; the same in every service that runs some.

use crate::command::Direction;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// How a saga stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SagaStatus {
    /// On its way forward.
    Running,
    /// On its way back: steps are undone, the last one first.
    Compensating,
    /// Every step is done. It can still be cancelled, unless it passed a pivot.
    Completed,
    /// Completed, and can no longer be cancelled.
    Closed,
    /// Everything that was or may have been done is undone.
    Compensated,
    /// A step neither succeeds nor may be given up: an operator retries or settles it.
    NeedsAttention,
    /// It ended, and at least one step on the way was seen to by an operator.
    Settled,
}

/// Something that happened to a saga.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SagaEvent {
    /// It was started.
    Started,
    /// The command of a step, or of its compensation, was sent.
    Sent,
    /// The reply came: the step is done.
    Answered,
    /// A step of the service itself is done.
    Done,
    /// The reply came: the step is not done and never will be; or its compensation is refused.
    Refused,
    /// No reply came in time.
    TimedOut,
    /// A step of the service itself failed and was rolled back.
    Failed,
    /// The saga turned back; the code says why.
    TurnedBack,
    /// A step is undone.
    Undone,
    /// An operator is needed.
    NeedsAttention,
    /// An operator had a step tried again.
    Retried,
    /// An operator has seen to a step.
    Settled,
    /// The last step is done.
    Completed,
    /// The first step is undone.
    Compensated,
    /// It can no longer be cancelled.
    Closed,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SagaStepState {
    /// The saga has not come to it.
    Waiting,
    /// It is under way.
    Running,
    /// It is done.
    Done,
    /// It is not done and never will be.
    Refused,
    /// Nobody knows: the saga turned back before the reply came.
    Unknown,
    /// It is being undone.
    Undoing,
    /// It is undone.
    Undone,
    /// An operator has seen to it.
    Settled,
}

/// `GET /v1/sagas`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListSagas {
    /// Only those that stand so: a `SagaStatus`.
    pub status: Option<String>,
    /// Only those of this kind, for example `checkout`.
    pub kind: Option<String>,
    /// Only those about this, for example an order's id.
    pub subject: Option<String>,
    /// How many at most: 1 to 100, 20 when absent.
    pub first: Option<u32>,
    /// The cursor after which to go on.
    pub after: Option<String>,
}

/// The answer to `GET /v1/sagas`: the latest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SagaPage {
    pub items: Vec<SagaItem>,
    pub has_next_page: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SagaItem {
    /// Goes into `after` to go on behind this saga.
    pub cursor: String,
    pub saga: Saga,
}

/// A saga.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Saga {
    /// Identifies it; the subject of its commands and replies.
    pub id: Uuid,
    /// What it does, for example `checkout`.
    pub kind: String,
    /// What it is about, for example an order's id.
    pub subject: String,
    pub status: SagaStatus,
    /// The step that it waits for; absent at the end.
    pub step: Option<String>,
    /// Whether that step is done or undone.
    pub direction: Option<Direction>,
    /// Which attempt at that step it is, from 1.
    pub attempt: Option<u32>,
    /// When it goes on by itself if no reply comes; absent when it does not.
    pub due_at: Option<DateTime<Utc>>,
    /// When it turns back, if it is still on its way and before its pivot.
    pub deadline: DateTime<Utc>,
    /// Why it turned back.
    pub cause: Option<SagaCause>,
    /// The id of the trace in which it was started.
    pub trace_id: Option<String>,
    /// Grows with every change.
    pub version: u64,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Why a saga turned back.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SagaCause {
    /// For a program: a participant's own code, `timeout`, `deadline`, `cancelled` or `failed`.
    pub code: String,
    /// For a person.
    pub message: String,
    /// The step at which it happened.
    pub step: Option<String>,
    /// Who cancelled it.
    pub by: Option<String>,
}

/// `GET /v1/sagas/{id}`: a saga step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SagaDetail {
    pub saga: Saga,
    /// Its steps, in the order in which they are done.
    pub steps: Vec<SagaStep>,
    /// Everything that happened, in order.
    pub history: Vec<SagaRecord>,
}

/// How one step of a saga stands.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SagaStep {
    pub name: String,
    pub state: SagaStepState,
    /// Whether the saga never turns back once this step's command is out.
    pub pivot: bool,
    /// How many attempts at it were made.
    pub attempts: u32,
    /// When the first one was made.
    pub began_at: Option<DateTime<Utc>>,
    /// When it was done or refused.
    pub ended_at: Option<DateTime<Utc>>,
    /// How many attempts at undoing it were made.
    pub undo_attempts: u32,
    /// When the first one was made.
    pub undo_began_at: Option<DateTime<Utc>>,
    pub undone_at: Option<DateTime<Utc>>,
}

/// Something that happened to a saga, and when.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SagaRecord {
    pub at: DateTime<Utc>,
    pub event: SagaEvent,
    /// At which step.
    pub step: Option<String>,
    /// Whether the step was being done or undone.
    pub direction: Option<Direction>,
    /// At which attempt.
    pub attempt: Option<u32>,
    /// Who did it, where it was somebody.
    pub by: Option<String>,
    /// Why, for a program.
    pub code: Option<String>,
    /// Why, for a person.
    pub message: Option<String>,
}

/// `POST /v1/sagas/{id}/retry`, `cancel` and `settle`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideSaga {
    /// Why, for the history: 1 to 500 characters.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::VariantArray;

    #[test]
    fn the_wire_name_is_what_serde_writes() {
        for status in SagaStatus::VARIANTS {
            assert_eq!(serde_json::to_value(status).unwrap(), status.into_str());
            assert_eq!(status.into_str().parse(), Ok(*status));
        }
        for event in SagaEvent::VARIANTS {
            assert_eq!(serde_json::to_value(event).unwrap(), event.into_str());
        }
    }
}
