//! The auth service: see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<auth::Auth>()
}
