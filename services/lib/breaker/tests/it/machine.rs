//! The rule, with time made up.

use std::time::{Duration, Instant};

use breaker::{
    Caller, Cause, Force, Forced, Machine, Moves, Outcome, Question, Recovery, Refusal, State, Ticket, Word,
};

const READ: usize = 0;
const WRITE: usize = 1;
const PAUSED: Recovery = Recovery::Pause { base: Duration::from_secs(5), longest: Duration::from_secs(60) };

/// A machine of two classes with a clock of its own.
struct Bench {
    machine: Machine,
    now: Instant,
}

impl Bench {
    fn new(recovery: Recovery) -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(recovery, 2, now, 7), now }
    }

    fn probed() -> Self {
        Self::new(Recovery::Probe)
    }

    fn wait(&mut self, millis: u64) -> Moves {
        self.now += Duration::from_millis(millis);
        self.machine.tick(self.now)
    }

    fn admit(&mut self, class: usize, caller: Caller) -> Result<Ticket, Refusal> {
        self.machine.admit(self.now, class, caller).map_err(|refused| refused.why)
    }

    fn call(&mut self, class: usize, caller: Caller, outcome: Outcome) -> Moves {
        let ticket = self.admit(class, caller).expect("the breaker lets the call through");
        self.machine.finish(self.now, ticket, outcome)
    }

    fn read(&mut self, caller: Caller, outcome: Outcome) -> Moves {
        self.call(READ, caller, outcome)
    }

    fn hears(&mut self, question: Question, word: Word) -> Moves {
        self.machine.answered(self.now, question, word)
    }

    fn states(&self) -> (State, State) {
        (self.machine.state(READ), self.machine.state(WRITE))
    }

    /// Opens `read` by five callers.
    fn opened() -> Self {
        let mut bench = Self::probed();
        let moves: Vec<_> = (0..5).flat_map(|caller| bench.read(caller, Outcome::Broken)).collect();
        assert_eq!(causes(&moves), [(READ, State::Open, Cause::CallersFailed)]);
        bench
    }

    fn half_opened() -> Self {
        let mut bench = Self::opened();
        assert_eq!(causes(&bench.hears(Question::Live, Word::Yes)), [(READ, State::HalfOpen, Cause::ProbeSucceeded)]);
        bench
    }
}

fn causes(moves: &Moves) -> Vec<(usize, State, Cause)> {
    moves.iter().map(|(class, change)| (*class, change.to, change.cause)).collect()
}

#[test]
fn refused_connections_open_all_classes_once_they_went_on_for_two_seconds() {
    let mut bench = Bench::probed();
    for _ in 0..40 {
        assert_eq!(bench.read(1, Outcome::Failure), []);
        bench.wait(50);
    }
    let moves = bench.call(WRITE, 2, Outcome::Failure);
    assert_eq!(
        causes(&moves),
        [(READ, State::Open, Cause::FailuresInARow), (WRITE, State::Open, Cause::FailuresInARow)]
    );
}

#[test]
fn five_failures_are_needed_and_one_success_of_any_class_starts_the_count_anew() {
    let mut bench = Bench::probed();
    for _ in 0..4 {
        assert_eq!(bench.read(1, Outcome::Failure), []);
        bench.wait(1_000);
    }
    bench.call(WRITE, 2, Outcome::Success);
    assert_eq!(bench.machine.failures_in_a_row(), 0);
    for _ in 0..4 {
        assert_eq!(bench.read(1, Outcome::Failure), []);
        bench.wait(1_000);
    }
    assert_eq!(bench.read(1, Outcome::Failure).len(), 2);
}

#[test]
fn without_a_prober_five_failures_in_a_row_open_at_once() {
    let mut bench = Bench::new(PAUSED);
    for _ in 0..4 {
        assert_eq!(bench.read(1, Outcome::Failure), []);
    }
    assert_eq!(bench.read(1, Outcome::Failure).len(), 2);
}

#[test]
fn four_callers_never_open_whatever_they_do_and_five_do() {
    let mut bench = Bench::probed();
    for caller in [0, 1, 2, 3].repeat(4) {
        assert_eq!(bench.read(caller, Outcome::Broken), []);
    }
    let moves = bench.read(4, Outcome::Broken);
    assert_eq!(causes(&moves), [(READ, State::Open, Cause::CallersFailed)]);
    assert_eq!(bench.states(), (State::Open, State::Closed), "the other class goes on");
}

#[test]
fn five_of_eleven_callers_are_not_half_and_six_of_twelve_are() {
    let mut bench = Bench::probed();
    for caller in 0..6 {
        bench.read(caller, Outcome::Success);
    }
    for caller in 6..11 {
        assert_eq!(bench.read(caller, Outcome::Broken), []);
    }
    assert_eq!(bench.read(11, Outcome::Broken).len(), 1);
}

#[test]
fn a_caller_is_judged_by_the_last_call() {
    let mut bench = Bench::probed();
    for caller in 0..100 {
        assert_eq!(bench.read(caller, Outcome::Broken).len(), usize::from(caller == 4));
        if caller == 4 {
            break;
        }
        bench.read(caller, Outcome::Broken);
    }
    let mut bench = Bench::probed();
    for caller in 0..100 {
        assert_eq!(bench.read(caller, Outcome::Broken), []);
        bench.read(caller, Outcome::Success);
    }
}

#[test]
fn callers_leave_the_window_after_ten_seconds() {
    let mut bench = Bench::probed();
    for caller in 0..4 {
        bench.read(caller, Outcome::Broken);
    }
    bench.wait(10_000);
    assert_eq!(bench.read(4, Outcome::Broken), []);
    let snapshot = &bench.machine.snapshots(bench.now)[READ];
    assert_eq!((snapshot.callers, snapshot.failing_callers), (1, 1));
    assert_eq!((snapshot.totals.calls, snapshot.totals.failures), (1, 1));
}

#[test]
fn one_caller_s_broken_call_opens_only_when_the_upstream_does_not_live() {
    let mut bench = Bench::probed();
    assert!(!bench.machine.asks(Question::Live));
    bench.read(1, Outcome::Broken);
    assert!(bench.machine.asks(Question::Live));
    assert_eq!(bench.hears(Question::Live, Word::Yes), []);
    assert!(!bench.machine.asks(Question::Live), "it was answered");
    bench.read(1, Outcome::Broken);
    assert_eq!(causes(&bench.hears(Question::Live, Word::Nothing)), [(READ, State::Open, Cause::NotLive)]);
    for _ in 0..4 {
        bench.wait(750);
        bench.hears(Question::Live, Word::Nothing);
    }
    assert_eq!(bench.states(), (State::Open, State::Open), "five questions without an answer are about all classes");
}

#[test]
fn five_broken_calls_bar_their_caller_for_five_seconds_and_nobody_else() {
    let mut bench = Bench::probed();
    for _ in 0..4 {
        bench.read(1, Outcome::Broken);
        bench.wait(2_000);
    }
    bench.wait(2_000);
    bench.read(1, Outcome::Broken);
    assert!(bench.admit(READ, 1).is_ok(), "the first of the five is ten seconds ago");
    bench.read(1, Outcome::Broken);
    let refused = bench.machine.admit(bench.now, READ, 1).expect_err("barred");
    assert_eq!((refused.why, refused.retry_after), (Refusal::Caller, Duration::from_secs(5)));
    assert!(bench.admit(READ, 2).is_ok() && bench.admit(WRITE, 1).is_ok());
    bench.wait(5_000);
    assert!(bench.admit(READ, 1).is_ok());
}

#[test]
fn an_address_that_many_share_is_not_barred_for_the_bad_luck_of_few() {
    let mut bench = Bench::probed();
    bench.read(1, Outcome::Broken);
    for _ in 0..10 {
        bench.read(1, Outcome::Success);
    }
    for _ in 0..8 {
        bench.read(1, Outcome::Broken);
    }
    assert!(bench.admit(READ, 1).is_ok(), "nine of nineteen");
    bench.read(1, Outcome::Broken);
    assert!(bench.admit(READ, 1).is_err(), "ten of twenty");
}

#[test]
fn the_table_of_callers_is_bounded() {
    let mut bench = Bench::probed();
    for caller in 0..10_000 {
        bench.read(caller, Outcome::Success);
    }
    assert_eq!(bench.machine.snapshots(bench.now)[READ].callers, 4_096);
    bench.wait(10_000);
    bench.read(1, Outcome::Success);
    bench.read(20_000, Outcome::Success);
    assert_eq!(bench.machine.snapshots(bench.now)[READ].callers, 2, "those who left make room");
}

#[test]
fn an_upstream_that_says_it_is_broken_opens_only_when_it_is_not_ready() {
    for (word, opens) in [(Word::Yes, false), (Word::No, true), (Word::Nothing, true)] {
        let mut bench = Bench::probed();
        for caller in 0..100 {
            assert_eq!(bench.read(caller, Outcome::Unable), []);
        }
        assert!(bench.machine.asks(Question::Ready) && !bench.machine.asks(Question::Live));
        let moves = bench.hears(Question::Ready, word);
        assert_eq!(!moves.is_empty(), opens, "{word:?}");
        if opens {
            assert_eq!(causes(&moves), [(READ, State::Open, Cause::NotReady)]);
            assert!(!bench.machine.asks(Question::Live), "that it lives is known");
            assert_eq!(bench.hears(Question::Ready, Word::No), []);
            assert_eq!(bench.hears(Question::Ready, Word::Yes).len(), 1);
            assert_eq!(bench.states().0, State::HalfOpen);
        }
    }
}

#[test]
fn neutral_ends_change_nothing() {
    let mut bench = Bench::probed();
    for caller in 0..1_000 {
        assert_eq!(bench.read(caller % 10, Outcome::Neutral), []);
    }
    assert!(!bench.machine.asks(Question::Live) && !bench.machine.asks(Question::Ready));
    let snapshot = &bench.machine.snapshots(bench.now)[READ];
    assert_eq!((snapshot.totals.calls, snapshot.callers), (0, 0));
}

#[test]
fn open_refuses_until_the_upstream_lives_and_the_first_good_trial_closes() {
    let mut bench = Bench::opened();
    assert_eq!(bench.admit(READ, 9), Err(Refusal::Open));
    assert_eq!(bench.hears(Question::Live, Word::Nothing), []);
    assert_eq!(bench.hears(Question::Live, Word::Yes).len(), 1);
    let moves = bench.read(9, Outcome::Success);
    assert_eq!(causes(&moves), [(READ, State::Closed, Cause::TrialSucceeded)]);
    assert!(bench.admit(READ, 1).is_ok(), "what was held against callers is forgotten");
}

#[test]
fn a_failed_trial_opens_again_and_what_is_refused_at_once_does_not() {
    let mut bench = Bench::half_opened();
    assert_eq!(bench.read(1, Outcome::Unable), []);
    assert_eq!(bench.states().0, State::HalfOpen, "it costs nobody time");
    assert_eq!(causes(&bench.read(1, Outcome::Broken)), [(READ, State::Open, Cause::TrialFailed)]);
}

#[test]
fn without_traffic_the_upstream_s_own_word_closes() {
    let mut bench = Bench::half_opened();
    assert_eq!(bench.hears(Question::Ready, Word::No), []);
    let moves = bench.hears(Question::Ready, Word::Yes);
    assert_eq!(causes(&moves), [(READ, State::Closed, Cause::ProbeSucceeded)]);
}

#[test]
fn trials_have_the_first_say_but_cannot_be_held_for_ever() {
    let mut bench = Bench::half_opened();
    let held = bench.admit(READ, 1).expect("a permit");
    assert_eq!(bench.hears(Question::Ready, Word::Yes), []);
    bench.wait(1_750);
    assert_eq!(bench.hears(Question::Ready, Word::Yes).len(), 1, "an upload may be slow");
    assert_eq!(bench.machine.finish(bench.now, held, Outcome::Broken), [], "it belongs to an earlier phase");
}

#[test]
fn half_open_gives_three_permits_and_no_fourth_and_takes_each_back() {
    let mut bench = Bench::half_opened();
    let tickets: Vec<_> = (0..1_000).filter_map(|caller| bench.admit(READ, caller).ok()).collect();
    assert_eq!(tickets.len(), 3);
    assert_eq!(bench.admit(READ, 1), Err(Refusal::HalfOpen));
    bench.machine.finish(bench.now, tickets[1], Outcome::Neutral);
    let fourth = bench.admit(READ, 1).expect("the freed permit");
    assert_eq!(bench.machine.finish(bench.now, fourth, Outcome::Success).len(), 1);
    assert_eq!(bench.machine.finish(bench.now, tickets[0], Outcome::Broken), []);
    assert_eq!(bench.states().0, State::Closed);
}

#[test]
fn a_pause_doubles_to_the_longest_with_jitter_and_starts_anew_after_closing() {
    let now = Instant::now();
    let mut bench = Bench { machine: Machine::new(PAUSED, 1, now, 7), now };
    let pause = |bench: &mut Bench| {
        let time = bench.machine.deadline().expect("it waits for the timer") - bench.now;
        bench.now += time;
        assert_eq!(causes(&bench.machine.tick(bench.now)), [(READ, State::HalfOpen, Cause::WaitElapsed)]);
        time.as_secs_f64()
    };
    (0..5).for_each(|_| drop(bench.read(1, Outcome::Failure)));
    for expected in [5.0, 10.0, 20.0, 40.0, 60.0, 60.0] {
        let time = pause(&mut bench);
        assert!((expected..=expected * 1.1).contains(&time), "{time} s instead of {expected} s");
        assert_eq!(causes(&bench.read(1, Outcome::Failure)), [(READ, State::Open, Cause::TrialFailed)]);
        assert!(!bench.machine.asks(Question::Live) && !bench.machine.asks(Question::Ready), "nobody would answer");
    }
    pause(&mut bench);
    bench.read(1, Outcome::Success);
    (0..5).for_each(|_| drop(bench.read(1, Outcome::Failure)));
    assert!(pause(&mut bench) < 6.0);
}

fn order(to: Forced, seconds: u64) -> Force {
    Force { to, ttl: Duration::from_secs(seconds), reason: "release night".into() }
}

#[test]
fn forced_open_holds_all_classes_and_then_they_have_to_prove_themselves() {
    let mut bench = Bench::probed();
    let moves = bench.machine.force(bench.now, &order(Forced::Open, 120));
    assert_eq!(causes(&moves), [(READ, State::Open, Cause::Forced), (WRITE, State::Open, Cause::Forced)]);
    assert_eq!(moves[1].1.reason.as_deref(), Some("release night"));
    bench.wait(119_000);
    assert_eq!(bench.machine.admit(bench.now, WRITE, 1).expect_err("held").retry_after, Duration::from_secs(1));
    assert!(!bench.machine.asks(Question::Live));
    assert_eq!(bench.machine.probe(bench.now, "let me"), [], "a probe does not break an order");
    assert_eq!(bench.wait(1_000).len(), 2);
    assert_eq!(bench.states(), (State::HalfOpen, State::HalfOpen));
}

#[test]
fn forced_closed_holds_whatever_fails_and_then_counts_again() {
    let mut bench = Bench::opened();
    bench.machine.force(bench.now, &order(Forced::Closed, 60));
    for caller in 0..100 {
        assert_eq!(bench.read(caller, Outcome::Broken), []);
        bench.read(1, Outcome::Failure);
    }
    let snapshot = &bench.machine.snapshots(bench.now)[READ];
    assert_eq!(snapshot.totals.failures, 200, "counted all the same");
    assert_eq!(snapshot.force.as_ref().map(|force| force.ttl), Some(Duration::from_secs(60)));
    bench.wait(60_000);
    assert_eq!(bench.states(), (State::Closed, State::Closed));
    let moves: Vec<_> = (0..5).flat_map(|caller| bench.read(caller, Outcome::Broken)).collect();
    assert_eq!(moves.len(), 1);
}

#[test]
fn reset_closes_and_lifts_the_force_and_probe_half_opens_at_once() {
    let mut bench = Bench::probed();
    assert_eq!(bench.machine.probe(bench.now, "closed has nothing to probe"), []);
    bench.machine.force(bench.now, &order(Forced::Open, 600));
    assert_eq!(bench.machine.reset("mended").len(), 2);
    assert_eq!(bench.machine.snapshots(bench.now)[WRITE].force, None);
    let mut bench = Bench::opened();
    let moves = bench.machine.probe(bench.now, "looks fine again");
    assert_eq!(causes(&moves), [(READ, State::HalfOpen, Cause::Probe)]);
}
