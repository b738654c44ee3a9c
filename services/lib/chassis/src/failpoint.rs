//! Places where tests kill a process: between two writes of which only one may happen.

/// Marks a place between two writes. In a debug build, `FAILPOINTS="<name>=return"` in the environment
/// makes the process die there at once, as under `kill -9`; `<name>=3*off->return` makes it the
/// fourth time. In a release build it is nothing.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(debug_assertions)]
        $crate::failpoint::die_at($name);
    };
}

/// Ends the process when the environment says so.
#[cfg(debug_assertions)]
#[doc(hidden)]
pub fn die_at(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
}

/// Reads `FAILPOINTS`.
pub(crate) fn setup() {
    #[cfg(debug_assertions)]
    std::mem::forget(fail::FailScenario::setup());
}
