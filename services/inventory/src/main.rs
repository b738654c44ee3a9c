//! The inventory service: see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<inventory::Service>()
}
