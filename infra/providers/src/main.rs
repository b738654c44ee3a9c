//! The sandbox of the outside world: see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<providers::Providers>()
}
