//! REST types of sagas, for operators; the same in every service that runs some.

use crate::command::Direction;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

macro_rules! names {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $each:literal])+ $variant:ident = $wire:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[doc = $each])+ $variant,)+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),+ }
            }

            /// The one that stands so on the wire.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.as_str() == text)
            }
        }
    };
}

names! {
    /// How a saga stands.
    SagaStatus {
        /// On its way forward.
        Running = "running",
        /// On its way back: steps are undone, the last one first.
        Compensating = "compensating",
        /// Every step is done. It can still be cancelled, unless it passed a pivot.
        Completed = "completed",
        /// Completed, and can no longer be cancelled.
        Closed = "closed",
        /// Everything that was or may have been done is undone.
        Compensated = "compensated",
        /// A step neither succeeds nor may be given up: an operator retries or settles it.
        NeedsAttention = "needs_attention",
        /// It ended, and at least one step on the way was seen to by an operator.
        Settled = "settled",
    }
}

names! {
    /// Something that happened to a saga.
    SagaEvent {
        /// It was started.
        Started = "started",
        /// The command of a step, or of its compensation, was sent.
        Sent = "sent",
        /// The reply came: the step is done.
        Answered = "answered",
        /// A step of the service itself is done.
        Done = "done",
        /// The reply came: the step is not done and never will be; or its compensation is refused.
        Refused = "refused",
        /// No reply came in time.
        TimedOut = "timed_out",
        /// A step of the service itself failed and was rolled back.
        Failed = "failed",
        /// The saga turned back; the code says why.
        TurnedBack = "turned_back",
        /// A step is undone.
        Undone = "undone",
        /// An operator is needed.
        NeedsAttention = "needs_attention",
        /// An operator had a step tried again.
        Retried = "retried",
        /// An operator has seen to a step.
        Settled = "settled",
        /// The last step is done.
        Completed = "completed",
        /// The first step is undone.
        Compensated = "compensated",
        /// It can no longer be cancelled.
        Closed = "closed",
    }
}

names! {
    /// How a step stands.
    SagaStepState {
        /// The saga has not come to it.
        Waiting = "waiting",
        /// It is under way.
        Running = "running",
        /// It is done.
        Done = "done",
        /// It is not done and never will be.
        Refused = "refused",
        /// Nobody knows: the saga turned back before the reply came.
        Unknown = "unknown",
        /// It is being undone.
        Undoing = "undoing",
        /// It is undone.
        Undone = "undone",
        /// An operator has seen to it.
        Settled = "settled",
    }
}

/// `GET /v1/sagas`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListSagas {
    /// Only those that stand so: a `SagaStatus`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<String>,
    /// Only those of this kind, for example `checkout`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// Only those about this, for example an order's id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// How many at most: 1 to 100, 20 when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<u32>,
    /// The cursor after which to go on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
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
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<String>,
    /// Whether that step is done or undone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub direction: Option<Direction>,
    /// Which attempt at that step it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// When it goes on by itself if no reply comes; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due_at: Option<DateTime<Utc>>,
    /// When it turns back, if it is still on its way and before its pivot.
    pub deadline: DateTime<Utc>,
    /// Why it turned back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<SagaCause>,
    /// The id of the trace in which it was started.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace_id: Option<String>,
    /// Grows with every change.
    pub version: u64,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<DateTime<Utc>>,
}

/// Why a saga turned back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SagaCause {
    /// For a program: a participant's own code, `timeout`, `deadline`, `cancelled` or `failed`.
    pub code: String,
    /// For a person.
    pub message: String,
    /// The step at which it happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<String>,
    /// Who cancelled it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SagaStep {
    pub name: String,
    pub state: SagaStepState,
    /// Whether the saga never turns back once this step's command is out.
    pub pivot: bool,
    /// How many attempts at it were made.
    pub attempts: u32,
    /// When the first one was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub began_at: Option<DateTime<Utc>>,
    /// When it was done or refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<DateTime<Utc>>,
    /// How many attempts at undoing it were made.
    pub undo_attempts: u32,
    /// When the first one was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo_began_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undone_at: Option<DateTime<Utc>>,
}

/// Something that happened to a saga, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SagaRecord {
    pub at: DateTime<Utc>,
    pub event: SagaEvent,
    /// At which step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<String>,
    /// Whether the step was being done or undone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub direction: Option<Direction>,
    /// At which attempt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// Who did it, where it was somebody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// Why, for a program.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// Why, for a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
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

    #[test]
    fn the_wire_name_is_what_serde_writes() {
        for status in SagaStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(SagaStatus::parse(status.as_str()), Some(*status));
        }
        for event in SagaEvent::ALL {
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
        for state in SagaStepState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
