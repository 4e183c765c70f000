//! The `runtrail` program; see [`runtrail_cli`].

fn main() -> std::process::ExitCode {
    runtrail_cli::main()
}
