//! The program: parse arguments, call the command, map errors to exit codes.

use std::process::ExitCode;

/// An evaluation allocates and frees millions of small things: this gives memory back sooner than the
/// C library's, whose arenas keep it for every thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    paceline::cli::main()
}
