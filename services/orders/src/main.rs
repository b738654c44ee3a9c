//! The orders service: see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<orders::Orders>()
}
