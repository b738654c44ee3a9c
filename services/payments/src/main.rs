//! The payments service: see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<payments::PaymentsService>()
}
