//! The program: parse arguments, call the command, map errors to exit codes.

use std::process::ExitCode;

fn main() -> ExitCode {
    paceline::cli::main()
}
