//! The rule, with time made up.

use std::time::{Duration, Instant};

use breaker::{Cause, Change, Force, Forced, Machine, Outcome, Settings, State, Ticket};

const QUICK: Duration = Duration::from_millis(10);
const SLOW: Duration = Duration::from_millis(1_001);

/// A machine with a clock of its own.
struct Bench {
    machine: Machine,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(Settings::default(), now, 7), now }
    }

    fn wait(&mut self, time: Duration) -> Option<Change> {
        self.now += time;
        self.machine.tick(self.now)
    }

    fn admit(&mut self) -> Option<Ticket> {
        self.machine.admit(self.now).ok()
    }

    fn call(&mut self, outcome: Outcome, took: Duration) -> Option<Cause> {
        let ticket = self.admit().expect("the breaker lets the call through");
        self.machine.finish(self.now, ticket, outcome, took).map(|change| change.cause)
    }

    fn fail(&mut self, times: usize) -> Option<Cause> {
        (0..times).fold(None, |last, _| self.call(Outcome::Failure, QUICK).or(last))
    }

    fn succeed(&mut self, times: usize) -> Option<Cause> {
        (0..times).fold(None, |last, _| self.call(Outcome::Success, QUICK).or(last))
    }

    /// Waits until the timer moves the machine, and returns how long that took.
    fn wait_out(&mut self) -> Duration {
        let deadline = self.machine.deadline().expect("the machine waits for something");
        let time = deadline - self.now;
        assert!(self.wait(time).is_some());
        time
    }

    fn opened() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.fail(5), Some(Cause::ConsecutiveFailures));
        bench
    }

    fn half_opened() -> Self {
        let mut bench = Self::opened();
        bench.wait_out();
        assert_eq!(bench.machine.state(), State::HalfOpen);
        bench
    }
}

#[test]
fn four_failures_in_a_row_are_not_enough_and_a_success_starts_the_count_anew() {
    let mut bench = Bench::new();
    assert_eq!(bench.fail(4), None);
    bench.succeed(1);
    assert_eq!(bench.fail(4), None);
    assert_eq!(bench.fail(1), Some(Cause::ConsecutiveFailures));
    assert_eq!(bench.machine.state(), State::Open);
}

#[test]
fn half_of_twenty_calls_failing_opens() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.fail(1);
        bench.succeed(1);
    }
    assert_eq!(bench.succeed(1), None, "nine of nineteen");
    assert_eq!(bench.fail(1), Some(Cause::FailureRatio), "ten of twenty");
}

#[test]
fn nineteen_calls_say_nothing_however_many_failed() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.fail(4);
        bench.succeed(1);
    }
    assert_eq!(bench.fail(4), None);
    let totals = bench.machine.snapshot(bench.now).totals;
    assert_eq!((totals.calls, totals.failures), (19, 16));
    assert_eq!(bench.succeed(1), Some(Cause::FailureRatio), "the twentieth call, though it succeeds");
}

#[test]
fn four_fifths_of_twenty_calls_being_slow_opens() {
    let mut bench = Bench::new();
    bench.succeed(4);
    for _ in 0..15 {
        assert_eq!(bench.call(Outcome::Success, SLOW), None);
    }
    assert_eq!(bench.call(Outcome::Success, SLOW), Some(Cause::SlowRatio));
}

#[test]
fn a_call_of_exactly_one_second_is_not_slow() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        assert_eq!(bench.call(Outcome::Success, Duration::from_secs(1)), None);
    }
}

#[test]
fn calls_fall_out_of_the_window_after_ten_seconds() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.fail(1);
        bench.succeed(1);
    }
    bench.wait(Duration::from_secs(10));
    assert_eq!(bench.machine.snapshot(bench.now).totals.calls, 0);
    bench.succeed(17);
    assert_eq!(bench.fail(3), None);
}

#[test]
fn neutral_ends_change_nothing() {
    let mut bench = Bench::new();
    bench.fail(4);
    for _ in 0..1_000 {
        assert_eq!(bench.call(Outcome::Neutral, SLOW), None);
    }
    assert_eq!(bench.machine.snapshot(bench.now).totals.calls, 4);
    assert_eq!(bench.fail(1), Some(Cause::ConsecutiveFailures), "nor do they interrupt a row of failures");
}

#[test]
fn open_refuses_and_says_how_long() {
    let mut bench = Bench::opened();
    bench.now += Duration::from_secs(2);
    let refused = bench.machine.admit(bench.now).expect_err("open");
    assert_eq!((refused.state, refused.forced), (State::Open, false));
    assert!(refused.retry_after >= Duration::from_secs(3) && refused.retry_after <= Duration::from_millis(3_500));
}

#[test]
fn the_timer_moves_it_and_not_the_next_call() {
    let mut bench = Bench::opened();
    bench.now += Duration::from_secs(30);
    assert!(bench.admit().is_none(), "nobody has ticked it");
    assert_eq!(bench.wait(Duration::ZERO).map(|change| change.cause), Some(Cause::WaitElapsed));
    assert!(bench.admit().is_some());
}

#[test]
fn the_open_time_doubles_to_a_minute_with_jitter_and_starts_anew_after_closing() {
    let mut bench = Bench::opened();
    for expected in [5, 10, 20, 40, 60, 60, 60] {
        let time = bench.wait_out().as_secs_f64();
        let expected = f64::from(expected);
        assert!((expected..=expected * 1.1).contains(&time), "{time} s instead of {expected} s");
        assert_eq!(bench.fail(1), Some(Cause::TrialFailed));
    }
    bench.wait_out();
    assert_eq!(bench.succeed(3), Some(Cause::TrialsSucceeded));
    bench.fail(5);
    assert!(bench.wait_out() < Duration::from_secs(6));
}

#[test]
fn half_open_gives_three_permits_and_no_fourth() {
    let mut bench = Bench::half_opened();
    let tickets: Vec<_> = (0..1_000).filter_map(|_| bench.admit()).collect();
    assert_eq!(tickets.len(), 3);
    // A success keeps its place, anything neutral frees it.
    bench.machine.finish(bench.now, tickets[0], Outcome::Success, QUICK);
    assert!(bench.admit().is_none());
    bench.machine.finish(bench.now, tickets[1], Outcome::Neutral, QUICK);
    let fourth = bench.admit().expect("the freed permit");
    bench.machine.finish(bench.now, tickets[2], Outcome::Success, QUICK);
    let change = bench.machine.finish(bench.now, fourth, Outcome::Success, QUICK).expect("three successes");
    assert_eq!((change.to, change.cause), (State::Closed, Cause::TrialsSucceeded));
}

#[test]
fn slow_trials_do_not_close() {
    let mut bench = Bench::half_opened();
    let causes: Vec<_> = (0..3).map(|_| bench.call(Outcome::Success, SLOW)).collect();
    assert_eq!(causes, [None, None, Some(Cause::TrialsSlow)]);
}

#[test]
fn a_call_that_outlives_its_phase_says_nothing_about_the_next() {
    let mut bench = Bench::new();
    let old = bench.admit().expect("closed");
    bench.fail(5);
    bench.wait_out();
    assert_eq!(bench.machine.finish(bench.now, old, Outcome::Failure, SLOW), None);
    assert_eq!(bench.machine.state(), State::HalfOpen);
    let trial = bench.admit().expect("half-open");
    bench.fail(1);
    bench.wait_out();
    assert_eq!(bench.machine.finish(bench.now, trial, Outcome::Success, QUICK), None);
    assert_eq!(bench.machine.snapshot(bench.now).trials_under_way, 0);
}

fn order(to: Forced, seconds: u64) -> Force {
    Force { to, ttl: Duration::from_secs(seconds), reason: "release night".into() }
}

#[test]
fn forced_open_holds_and_then_has_to_prove_itself() {
    let mut bench = Bench::new();
    let change = bench.machine.force(bench.now, order(Forced::Open, 120));
    assert_eq!((change.to, change.cause), (State::Open, Cause::Forced));
    assert_eq!(change.reason.as_deref(), Some("release night"));
    bench.wait(Duration::from_secs(119));
    assert!(bench.machine.admit(bench.now).expect_err("held").forced);
    assert_eq!(bench.machine.probe("let me".into()), None, "a probe does not break an order");
    let change = bench.wait(Duration::from_secs(1)).expect("the order ran out");
    assert_eq!((change.to, change.cause), (State::HalfOpen, Cause::ForceExpired));
}

#[test]
fn forced_closed_holds_whatever_fails_and_then_counts_again() {
    let mut bench = Bench::opened();
    bench.machine.force(bench.now, order(Forced::Closed, 60));
    assert_eq!(bench.fail(100), None);
    let snapshot = bench.machine.snapshot(bench.now);
    assert_eq!(snapshot.totals.failures, 100, "counted all the same");
    assert_eq!(snapshot.force.map(|force| force.ttl), Some(Duration::from_secs(60)));
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.machine.state(), State::Closed);
    assert_eq!(bench.fail(5), Some(Cause::ConsecutiveFailures));
}

#[test]
fn reset_closes_and_lifts_the_force_and_probe_half_opens_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.machine.probe("closed has nothing to probe".into()), None);
    bench.machine.force(bench.now, order(Forced::Open, 600));
    assert_eq!(bench.machine.reset("mended".into()).to, State::Closed);
    assert_eq!(bench.machine.snapshot(bench.now).force, None);
    bench.fail(5);
    let change = bench.machine.probe("looks fine again".into()).expect("open");
    assert_eq!((change.to, change.cause), (State::HalfOpen, Cause::Probe));
}
