//! `countersign`: may this artifact go to this environment?
//!
//! This is the door: it alone touches the command line, the environment, the clock, the terminal and the exit code. A
//! verb reads its arguments, calls a use case, and renders what comes back. It decides nothing.

mod cli;
mod demo;
mod passphrase;
mod render;
mod variables;
mod world;

use countersign_core::exit::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|fault| render::fault(&fault.to_string())));
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let arguments = match cli::Cli::read(&arguments) {
        Ok(arguments) => arguments,
        Err(error) => return render::usage(&cli::help::shown(error), cli::format_of(&arguments)),
    };
    let run = std::panic::catch_unwind(|| arguments.run(&world::World::of_this_process()));
    ExitCode::from(run.map_or(Exit::Internal, render::Done::show).code())
}
