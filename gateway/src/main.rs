//! The gateway's process.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("sdl") {
        return print_sdl();
    }
    chassis::run::<gateway::Gateway>()
}

/// Prints the GraphQL schema, for `contracts/generated` and for frontends.
#[allow(clippy::print_stdout)]
fn print_sdl() -> ExitCode {
    println!("{}", gateway::sdl());
    ExitCode::SUCCESS
}
