//! The names of the metrics that the engine emits. All carry the saga's `kind` unless they say otherwise.

/// Sagas started.
pub const STARTED: &str = "sagas_started_total";
/// Sagas that ended, by `status` (`completed`, `compensated`, `settled`).
pub const ENDED: &str = "sagas_ended_total";
/// Sagas that turned back, by `code`: `timeout`, `deadline`, `cancelled`, `failed`, or `refused` for a participant's own.
pub const TURNED_BACK: &str = "sagas_turned_back_total";
/// How long sagas took to their end, by `status`, in seconds.
pub const SAGA_SECONDS: &str = "saga_seconds";
/// How long steps took from their first attempt to their end, by `step` and `direction`, in seconds.
pub const STEP_SECONDS: &str = "saga_step_seconds";
/// Steps that were tried again because no reply came in time, by `step` and `direction`.
pub const TIMED_OUT: &str = "saga_steps_timed_out_total";
/// Replies that no saga waited for: duplicates, late ones, those to undone steps. Without kind.
pub const ABSORBED: &str = "saga_replies_absorbed_total";
/// Sagas that were over long ago and are forgotten now. Without kind.
pub const FORGOTTEN: &str = "sagas_forgotten_total";
/// Sagas that came to need an operator.
pub const CALLED: &str = "sagas_called_for_attention_total";
/// Sagas that need an operator now. Without kind.
pub const NEEDS_ATTENTION: &str = "sagas_needing_attention";
/// Sagas under way, in either direction. Without kind.
pub const UNDER_WAY: &str = "sagas_under_way";
/// How late the sagas are that should have gone on by themselves, at most, in seconds. Without kind.
pub const OVERDUE: &str = "sagas_overdue_seconds";
