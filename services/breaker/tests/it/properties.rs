//! What holds whatever happens, in whatever order.

use std::time::{Duration, Instant};

use breaker::{Force, Forced, Machine, Outcome, Settings, State, Ticket, Totals};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Admit,
    /// Ends the call at this place among those under way.
    End(usize, Outcome, bool),
    Wait(u64),
    Force(bool, u64),
    Reset,
    Probe,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Neutral)];
    prop_oneof![
        12 => Just(Step::Admit),
        12 => (any::<usize>(), outcome, any::<bool>()).prop_map(|(at, outcome, slow)| Step::End(at, outcome, slow)),
        3 => (0_u64..8_000).prop_map(Step::Wait),
        1 => (any::<bool>(), 1_u64..30).prop_map(|(open, ttl)| Step::Force(open, ttl)),
        1 => Just(Step::Reset),
        1 => Just(Step::Probe),
    ]
}

/// Takes one step as a caller, the timer or an operator would.
fn take(machine: &mut Machine, now: &mut Instant, calls: &mut Vec<Ticket>, step: &Step) {
    match *step {
        Step::Admit => calls.extend(machine.admit(*now).ok()),
        Step::End(at, outcome, slow) if !calls.is_empty() => {
            let ticket = calls.swap_remove(at % calls.len());
            let took = Duration::from_millis(if slow { 1_500 } else { 5 });
            machine.finish(*now, ticket, outcome, took);
        }
        Step::End(..) => {}
        Step::Wait(millis) => {
            let until = *now + Duration::from_millis(millis);
            // A timer never oversleeps by much: it wakes at each deadline on the way.
            while let Some(deadline) = machine.deadline().filter(|deadline| *deadline <= until) {
                *now = deadline;
                machine.tick(*now).expect("something to do at the deadline");
            }
            *now = until;
        }
        Step::Force(open, ttl) => {
            let to = if open { Forced::Open } else { Forced::Closed };
            machine.force(*now, Force { to, ttl: Duration::from_secs(ttl), reason: "drill".into() });
        }
        Step::Reset => drop(machine.reset("drill".into())),
        Step::Probe => drop(machine.probe("drill".into())),
    }
}

proptest! {
    #[test]
    fn never_more_than_three_trials_and_never_a_lost_permit(steps in prop::collection::vec(step(), 0..400), seed: u64) {
        let mut now = Instant::now();
        let mut machine = Machine::new(Settings::default(), now, seed);
        let mut calls = Vec::new();
        for step in &steps {
            take(&mut machine, &mut now, &mut calls, step);
            prop_assert!(machine.snapshot(now).trials_under_way <= 3);
            if machine.state() == State::Open {
                prop_assert!(machine.admit(now).is_err());
                prop_assert!(machine.deadline().is_some(), "open for ever");
            }
        }
        for ticket in calls {
            machine.finish(now, ticket, Outcome::Neutral, Duration::ZERO);
        }
        prop_assert_eq!(machine.snapshot(now).trials_under_way, 0);
    }

    #[test]
    fn dropped_permits_never_wedge_a_half_open_breaker(ends in prop::collection::vec(0_usize..3, 1..200), seed: u64) {
        let mut now = Instant::now();
        let mut machine = Machine::new(Settings::default(), now, seed);
        for _ in 0..5 {
            let ticket = machine.admit(now).expect("closed");
            machine.finish(now, ticket, Outcome::Failure, Duration::ZERO);
        }
        now = machine.deadline().expect("open");
        machine.tick(now);
        for count in ends {
            let tickets: Vec<_> = (0..=count).map(|_| machine.admit(now).expect("all permits are free")).collect();
            for ticket in tickets {
                machine.finish(now, ticket, Outcome::Neutral, Duration::ZERO);
            }
            prop_assert_eq!(machine.snapshot(now).trials_under_way, 0);
        }
    }

    #[test]
    fn the_window_counts_what_a_list_of_calls_would(calls in prop::collection::vec((0_u64..3_000, any::<bool>(), any::<bool>()), 0..300)) {
        // Thresholds out of reach: this is about counting only.
        let settings = Settings { minimum_calls: u32::MAX, consecutive_failures: u32::MAX, ..Settings::default() };
        let start = Instant::now();
        let mut machine = Machine::new(settings, start, 0);
        let mut elapsed = 0;
        let mut list = Vec::new();
        for (gap, failed, slow) in calls {
            elapsed += gap;
            let now = start + Duration::from_millis(elapsed);
            let ticket = machine.admit(now).expect("closed");
            let outcome = if failed { Outcome::Failure } else { Outcome::Success };
            machine.finish(now, ticket, outcome, Duration::from_millis(if slow { 1_001 } else { 1_000 }));
            list.push((elapsed / 1_000, failed, slow));
            let inside = || list.iter().filter(|(second, ..)| second + 10 > elapsed / 1_000);
            let expected = Totals {
                calls: u32::try_from(inside().count()).expect("few"),
                failures: u32::try_from(inside().filter(|call| call.1).count()).expect("few"),
                slow: u32::try_from(inside().filter(|call| call.2).count()).expect("few"),
            };
            prop_assert_eq!(machine.snapshot(now).totals, expected);
        }
    }

    #[test]
    fn open_times_stay_between_the_base_and_the_jittered_maximum(failures in 1_u32..40, seed: u64) {
        let mut now = Instant::now();
        let mut machine = Machine::new(Settings::default(), now, seed);
        for _ in 0..5 {
            let ticket = machine.admit(now).expect("closed");
            machine.finish(now, ticket, Outcome::Failure, Duration::ZERO);
        }
        let mut last = Duration::ZERO;
        for _ in 0..failures {
            let deadline = machine.deadline().expect("open");
            let time = deadline - now;
            prop_assert!(time >= Duration::from_secs(5) && time <= Duration::from_secs(66));
            prop_assert!(time > last || time >= Duration::from_secs(60));
            last = time;
            now = deadline;
            machine.tick(now);
            let ticket = machine.admit(now).expect("half-open");
            machine.finish(now, ticket, Outcome::Failure, Duration::ZERO);
        }
    }
}
