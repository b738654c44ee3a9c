//! The rules one by one; [`properties`](super::properties) tries them all at once.

use super::*;
use contracts::rest::sagas::SagaStatus as Status;

mod times;

/// `begun`, `reserve` and `charge` at participants, `confirm` here.
fn checkout() -> Shape {
    let stage = |name, place, undo| Stage { name, place, undo, timeout: Duration::from_secs(30), tries: 3 };
    Shape {
        stages: vec![
            stage("begun", Place::Begun, Some(Place::Local)),
            stage("reserve", Place::Remote, Some(Place::Remote)),
            stage("charge", Place::Remote, Some(Place::Remote)),
            stage("confirm", Place::Local, None),
        ],
        pivot: None,
    }
}

/// `hide`, then `erase` behind which there is only forward, then `close`.
fn deletion() -> Shape {
    let mut shape = checkout();
    shape.stages.remove(0);
    shape.stages[1] = Stage { name: "erase", undo: None, ..shape.stages[1].clone() };
    shape.pivot = Some(1);
    shape
}

/// One saga and its clock.
struct Saga {
    shape: Shape,
    state: State,
    now: DateTime<Utc>,
    notes: Vec<Note>,
    next: Next,
}

impl Saga {
    fn start(shape: Shape) -> Self {
        Self::within(600, shape)
    }

    fn within(seconds: u64, shape: Shape) -> Self {
        let now = DateTime::UNIX_EPOCH;
        let Move { state, notes, next } = start(&shape, now, Duration::from_secs(seconds));
        Self { shape, state, now, notes, next }
    }

    #[track_caller]
    fn put(&mut self, input: Input) {
        let Move { state, notes, next } = advance(&self.shape, self.state.clone(), input, self.now).unwrap();
        (self.state, self.next) = (state, next);
        self.notes.extend(notes);
    }

    fn refuses(&self, input: Input) -> Refusal {
        advance(&self.shape, self.state.clone(), input, self.now).unwrap_err()
    }

    fn reply(&self, reply: Reply) -> Input {
        let wait = self.state.wait.unwrap();
        Input::Replied { step: wait.step, direction: wait.direction, attempt: wait.attempt, reply }
    }

    #[track_caller]
    fn answer(&mut self, reply: Reply) {
        self.put(self.reply(reply));
    }

    /// Waits until the machine goes on by itself.
    #[track_caller]
    fn wait(&mut self) {
        self.now = self.state.due.unwrap();
        self.put(Input::Due { anew: None });
    }

    #[track_caller]
    fn waits_for(&self, step: usize, direction: Direction, attempt: u32) {
        let wait = self.state.wait.unwrap();
        assert_eq!((wait.step, wait.direction, wait.attempt), (step, direction, attempt));
    }

    #[track_caller]
    fn ended(&self, status: Status) {
        assert_eq!((self.state.status, self.state.wait, self.state.due), (status, None, None));
    }

    fn code(&self) -> &str {
        self.state.cause.as_ref().map_or("", |cause| &cause.code)
    }
}

fn refused() -> Reply {
    Reply::Refused { code: "declined".into(), message: "no".into() }
}

fn cancel() -> Input {
    Input::Cancel { by: "ana".into(), reason: "changed her mind".into() }
}

fn settle() -> Input {
    Input::Settle { by: "olga".into(), reason: "by hand".into() }
}

fn retry() -> Input {
    Input::Retry { by: "olga".into(), reason: "mended".into() }
}

#[test]
fn the_happy_path_ends_completed_and_closes() {
    let mut saga = Saga::start(checkout());
    saga.waits_for(1, Forward, 1);
    assert_eq!(saga.next, Next::Send);
    saga.answer(Reply::Done);
    saga.answer(Reply::Done);
    saga.waits_for(3, Forward, 1);
    assert_eq!(saga.next, Next::Run);
    saga.put(Input::Ran(Reply::Done));
    saga.ended(Status::Completed);
    saga.put(Input::Close);
    assert_eq!(saga.refuses(Input::Close), Refusal::Closed);
    assert_eq!(saga.refuses(cancel()), Refusal::Closed);
}

#[test]
fn a_refusal_undoes_what_stands_before_it() {
    let mut saga = Saga::start(checkout());
    saga.answer(Reply::Done);
    saga.answer(refused());
    saga.waits_for(1, Backward, 1);
    assert_eq!(saga.code(), "declined");
    saga.answer(Reply::Done);
    saga.waits_for(0, Backward, 1);
    assert_eq!(saga.next, Next::Run);
    saga.put(Input::Ran(Reply::Done));
    saga.ended(Status::Compensated);
    assert_eq!(saga.refuses(cancel()), Refusal::Ended);
}

#[test]
fn only_the_reply_that_is_waited_for_counts() {
    let mut saga = Saga::start(checkout());
    let early = saga.reply(Reply::Done);
    saga.wait();
    saga.waits_for(1, Forward, 2);
    assert_eq!(saga.refuses(early), Refusal::Absorbed);
    let now = saga.reply(Reply::Done);
    saga.put(now.clone());
    assert_eq!(saga.refuses(now), Refusal::Absorbed);
}

#[test]
fn a_step_that_is_never_answered_counts_as_unknown_and_is_undone_first() {
    let mut saga = Saga::start(checkout());
    saga.answer(Reply::Done);
    for attempt in 1..=3 {
        saga.waits_for(2, Forward, attempt);
        saga.wait();
    }
    saga.waits_for(2, Backward, 1);
    assert_eq!(saga.code(), Cause::TIMEOUT);
}

#[test]
fn the_deadline_turns_it_back_even_when_the_reply_comes_just_then() {
    let mut saga = Saga::start(checkout());
    saga.now = saga.state.deadline;
    saga.answer(Reply::Done);
    saga.waits_for(1, Backward, 1);
    assert_eq!(saga.code(), Cause::DEADLINE);

    let mut swept = Saga::start(checkout());
    swept.state.deadline = swept.now + TimeDelta::seconds(1);
    swept.now = swept.state.due.unwrap();
    swept.put(Input::Due { anew: None });
    swept.waits_for(1, Backward, 1);
    assert_eq!(swept.code(), Cause::DEADLINE);
}

#[test]
fn cancelling_undoes_the_step_in_flight_too() {
    let mut saga = Saga::start(checkout());
    saga.answer(Reply::Done);
    let in_flight = saga.reply(Reply::Done);
    saga.put(cancel());
    saga.waits_for(2, Backward, 1);
    assert_eq!(saga.refuses(in_flight), Refusal::Absorbed);
    assert_eq!(saga.refuses(cancel()), Refusal::UnderWay);
    let cause = saga.state.cause.unwrap();
    assert_eq!((&*cause.code, cause.by.as_deref()), (Cause::CANCELLED, Some("ana")));
}

#[test]
fn a_completed_saga_is_undone_from_its_end() {
    let mut saga = Saga::start(checkout());
    saga.answer(Reply::Done);
    saga.answer(Reply::Done);
    saga.put(Input::Ran(Reply::Done));
    saga.put(cancel());
    // `confirm` has nothing to undo.
    saga.waits_for(2, Backward, 1);
}

#[test]
fn a_compensation_is_tried_twelve_times_and_then_needs_an_operator() {
    let mut saga = Saga::start(checkout());
    saga.put(cancel());
    let began = saga.now;
    for attempt in 1..=ATTEMPTS {
        saga.waits_for(1, Backward, attempt);
        saga.wait();
    }
    assert_eq!((saga.state.status, saga.state.due), (Status::NeedsAttention, None));
    assert!(saga.now - began <= TimeDelta::hours(24));
    saga.put(retry());
    saga.waits_for(1, Backward, 13);
    assert_eq!((saga.state.status, saga.next), (Status::Compensating, Next::Send));
    assert_eq!(saga.refuses(settle()), Refusal::NothingToSettle);
    for _ in 0..ATTEMPTS {
        saga.wait();
    }
    assert_eq!(saga.state.status, Status::NeedsAttention);
    saga.put(settle());
    saga.put(Input::Ran(Reply::Done));
    saga.ended(Status::Settled);
}

#[test]
fn a_compensation_that_is_refused_needs_an_operator_at_once() {
    let mut saga = Saga::start(checkout());
    saga.put(cancel());
    saga.answer(refused());
    assert_eq!(saga.state.status, Status::NeedsAttention);
    assert_eq!(saga.refuses(saga.reply(refused())), Refusal::Absorbed);
    // A participant that comes to its senses relieves the operator.
    saga.answer(Reply::Done);
    saga.waits_for(0, Backward, 1);
}

#[test]
fn behind_the_pivot_there_is_only_forward() {
    let mut saga = Saga::start(deletion());
    saga.answer(Reply::Done);
    assert_eq!(saga.refuses(cancel()), Refusal::PastPivot);
    saga.now = saga.state.deadline;
    for attempt in 1..=ATTEMPTS + 3 {
        saga.waits_for(1, Forward, attempt);
        assert_eq!(saga.next, Next::Send);
        saga.wait();
    }
    assert_eq!(saga.state.status, Status::NeedsAttention);
    saga.answer(Reply::Done);
    assert_eq!(saga.next, Next::Run);
    saga.put(Input::Ran(Reply::Done));
    saga.ended(Status::Completed);
    assert_eq!(saga.refuses(cancel()), Refusal::PastPivot);
}

#[test]
fn a_refused_pivot_turns_back_and_a_refusal_behind_it_needs_an_operator() {
    let mut turned = Saga::start(deletion());
    turned.answer(Reply::Done);
    turned.answer(refused());
    turned.waits_for(0, Backward, 1);

    let mut stuck = Saga::start(deletion());
    stuck.answer(Reply::Done);
    stuck.answer(Reply::Done);
    stuck.put(Input::Ran(refused()));
    assert_eq!((stuck.state.status, stuck.state.due), (Status::NeedsAttention, None));
    stuck.put(settle());
    stuck.ended(Status::Settled);
}
