//! Pauses, deadlines, and when an operator is needed.

use super::*;

#[test]
fn a_local_step_that_fails_is_tried_again_and_then_given_up() {
    let mut saga = Saga::start(checkout());
    saga.answer(Reply::Done);
    saga.answer(Reply::Done);
    for attempt in 1..=3 {
        saga.waits_for(3, Forward, attempt);
        assert_eq!(saga.next, Next::Run);
        saga.put(Input::Failed { error: "disk full".into() });
        if attempt < 3 {
            saga.wait();
        }
    }
    // It was rolled back: the step before it is the first to be undone.
    saga.waits_for(2, Backward, 1);
    assert_eq!(saga.code(), Cause::FAILED);
}

#[test]
fn an_attempt_whose_reply_could_not_come_has_its_time_anew_and_the_deadline_shifts_alike() {
    let mut saga = Saga::start(checkout());
    let (due, deadline) = (saga.state.due.unwrap(), saga.state.deadline);
    // The broker is away, for longer than the saga may take; its reply still counts.
    let mut away = due;
    while away < deadline + TimeDelta::minutes(5) {
        (saga.now, away) = (away, away + (due - saga.state.wait.unwrap().since));
        saga.put(Input::Due { anew: Some(saga.now) });
        saga.waits_for(1, Forward, 1);
        assert_eq!(saga.state.due, Some(away));
        assert_eq!(saga.state.deadline - deadline, away - due);
    }
    // Back: once its time anew is over it is tried again, as ever.
    let back = saga.now;
    saga.now = away;
    saga.put(Input::Due { anew: Some(back) });
    saga.waits_for(1, Forward, 2);
    saga.answer(Reply::Done);
    saga.waits_for(2, Forward, 1);
}

#[test]
fn a_reply_that_waited_longer_than_the_saga_may_take_comes_in_time_once_the_time_is_given_anew() {
    let mut saga = Saga::start(checkout());
    // The process was down, and the reply is the first that it hears.
    saga.now = saga.state.deadline + TimeDelta::hours(1);
    let mut late = saga.state.clone();
    late = advance(&saga.shape, late, saga.reply(Reply::Done), saga.now).unwrap().state;
    assert_eq!(late.cause.unwrap().code, Cause::DEADLINE);
    saga.state = renewed(&saga.shape, saga.state.clone(), saga.now, saga.now);
    saga.answer(Reply::Done);
    saga.waits_for(2, Forward, 1);
    assert_eq!(saga.state.due, Some(saga.now + TimeDelta::seconds(30)), "the next step has its full time, too");
    // Nothing is given to what is not overdue.
    assert_eq!(renewed(&saga.shape, saga.state.clone(), saga.now, saga.now), saga.state);
}

#[test]
fn a_local_step_that_waits_to_be_tried_again_outlives_a_process_that_was_down() {
    let mut saga = Saga::start(checkout());
    saga.answer(Reply::Done);
    saga.answer(Reply::Done);
    saga.put(Input::Failed { error: "the disk is full".into() });
    saga.now = saga.state.deadline + TimeDelta::hours(1);
    // Its pause counts from now: that replies could come for a minute is nothing to it.
    saga.put(Input::Due { anew: Some(saga.now - TimeDelta::minutes(1)) });
    assert_eq!(saga.next, Next::Run);
    saga.waits_for(3, Forward, 2);
    saga.put(Input::Ran(Reply::Done));
    assert_eq!(saga.state.status, Status::Completed);
}

#[test]
fn an_operator_may_hurry_a_compensation_and_nothing_else() {
    let mut saga = Saga::start(checkout());
    assert_eq!(saga.refuses(retry()), Refusal::NothingToRetry);
    assert_eq!(saga.refuses(settle()), Refusal::NothingToSettle);
    assert_eq!(saga.refuses(Input::Close), Refusal::NotCompleted);
    assert_eq!(saga.refuses(Input::Due { anew: None }), Refusal::NotDue);
    saga.put(cancel());
    saga.put(retry());
    saga.waits_for(1, Backward, 2);
}

/// Lets the local step that a saga waits for fail so many times, each time when its pause is over.
fn fails(saga: &mut Saga, times: u32) {
    for time in 1..=times {
        assert_eq!(saga.next, Next::Run);
        saga.put(Input::Failed { error: "no connection".into() });
        if time < times {
            saga.wait();
        }
    }
}

#[test]
fn a_local_step_that_fails_has_pauses_until_an_operator_is_needed() {
    let seconds = |saga: &Saga| saga.state.due.map(|due| (due - saga.now).num_seconds());
    let mut forward = Saga::start(deletion());
    forward.answer(Reply::Done);
    forward.answer(Reply::Done);
    fails(&mut forward, 1);
    assert_eq!((forward.state.status, seconds(&forward)), (Status::Running, Some(5)));
    forward.wait();
    fails(&mut forward, ATTEMPTS - 1);
    // There is no way back: it is tried on while the operator is on the way.
    assert_eq!((forward.state.status, seconds(&forward)), (Status::NeedsAttention, Some(8 * 3_600)));
    assert_eq!(forward.refuses(cancel()), Refusal::PastPivot);
    forward.wait();
    fails(&mut forward, 1);
    let calls = forward.notes.iter().filter(|note| note.event == SagaEvent::NeedsAttention).count();
    assert_eq!(calls, 1, "the operator was called");

    let mut backward = Saga::start(checkout());
    backward.answer(refused());
    backward.waits_for(0, Backward, 1);
    fails(&mut backward, ATTEMPTS);
    assert_eq!((backward.state.status, seconds(&backward)), (Status::NeedsAttention, None));
    assert_eq!(backward.refuses(cancel()), Refusal::UnderWay);
    // Failures are told as such, and not as replies that did not come.
    let told = |event| backward.notes.iter().filter(|note| note.event == event).count();
    assert_eq!((told(SagaEvent::Failed), told(SagaEvent::TimedOut)), (ATTEMPTS as usize, 0));
}

#[test]
fn a_reply_that_does_not_come_is_told_with_its_attempt() {
    let mut saga = Saga::start(checkout());
    saga.wait();
    saga.wait();
    let late = saga.notes.iter().filter(|note| note.event == SagaEvent::TimedOut);
    let late: Vec<_> = late.map(|note| (note.step, note.direction, note.attempt)).collect();
    assert_eq!(late, [1, 2].map(|attempt| (Some(1), Some(Forward), Some(attempt))));
}

#[test]
fn what_must_not_be_given_up_is_asked_for_more_and_more_rarely() {
    let pauses = |saga: &mut Saga| {
        let mut pauses = Vec::new();
        for _ in 0..6 {
            pauses.push((saga.state.due.unwrap() - saga.now).num_seconds());
            saga.wait();
        }
        pauses
    };
    let mut backward = Saga::start(checkout());
    backward.answer(Reply::Done);
    backward.answer(refused());
    backward.waits_for(1, Backward, 1);
    assert_eq!(pauses(&mut backward), [30, 30, 30, 60, 300, 900]);
    let mut pivot = Saga::start(deletion());
    pivot.answer(Reply::Done);
    assert_eq!(pauses(&mut pivot), [30, 30, 30, 60, 300, 900]);
}

#[test]
fn only_what_can_be_turned_back_ends_with_the_deadline() {
    let seconds = |saga: &Saga| (saga.state.due.unwrap() - saga.now).num_seconds();
    let mut saga = Saga::within(10, checkout());
    assert_eq!(seconds(&saga), 10);
    saga.answer(Reply::Done);
    saga.answer(refused());
    saga.waits_for(1, Backward, 1);
    assert_eq!(seconds(&saga), 30);
    let mut saga = Saga::within(10, deletion());
    saga.answer(Reply::Done);
    saga.waits_for(1, Forward, 1);
    assert_eq!(seconds(&saga), 30);
}
