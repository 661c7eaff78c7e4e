//! The command line of Spark: arguments, printing, exit codes. No decision is made here.

mod ceilings;
mod command;
mod console;
mod demo;
mod exit;
mod paths;
mod rules;
mod samples;
mod screen;
mod table;
mod unread;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use spark_core::check::CheckPhase;
use spark_core::rollout::Word;

use crate::console::{Console, ConsoleArgs, say};
use crate::exit::{Exit, Failure};

/// Decides whether a release goes forward, waits or goes back, and proves why.
#[derive(Debug, Parser)]
#[command(
    name = "spark",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes:
  0 proceed, all is well     1 could not run            2 bad arguments
  10 hold                    11 rollback                12 the rules have errors
  13 evidence does not verify                           14 tests or checks failed

Start with `spark demo`, or with `spark init`."
)]
struct Cli {
    #[command(flatten)]
    console: ConsoleArgs,
    #[command(subcommand)]
    command: Command,
}

/// What the commands that make checks have in common.
const PHASE_HELP: &str = "Exit codes: 0 GO; 14 NO-GO; 1 could not run; 12 the rules have errors. What is not known is NO-GO.

Example:
  spark preflight checks.rules --config spark.yaml --release 2026-01-05.1 --sign release-manager=\"Ayşe Kaya\"";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    /// Write starter rules with tests
    Init(command::init::InitArgs),
    /// Check rules: all that is wrong, where, and how to put it right
    Check(command::check::CheckArgs),
    /// Lay rules out in one way; comments stay
    Fmt(command::fmt::FmtArgs),
    /// Run the tests that stand beside the rules
    Test(command::test::TestArgs),
    /// Say rules in sentences, or explain a diagnostic's code
    Explain(command::explain::ExplainArgs),
    /// Show what would have been decided over recorded samples
    Replay(command::replay::ReplayArgs),
    /// Make one decision; the exit code says it
    Decide(command::decide::DecideArgs),
    /// Check what a release stands on, in a minute: GO or NO-GO
    #[command(after_help = PHASE_HELP)]
    Preflight(command::phase::PhaseArgs),
    /// Attack what a release stands on, in ten minutes: GO or NO-GO
    #[command(after_help = PHASE_HELP)]
    Redteam(command::phase::PhaseArgs),
    /// Watch one instance for half a minute: GO or NO-GO
    #[command(after_help = PHASE_HELP)]
    Blast(command::phase::PhaseArgs),
    /// Walk a release through its plan, live
    Run(command::run::RunArgs),
    /// Say where a rollout is
    Status(command::status::StatusArgs),
    /// Tell a running rollout to advance no further
    #[command(after_help = "Example:\n  spark hold --because \"fills look odd, looking\"")]
    Hold(command::words::MayArgs),
    /// Take `hold` back
    #[command(after_help = "Example:\n  spark resume --because \"it was the feed of the test\"")]
    Resume(command::words::MayArgs),
    /// Let a rollout enter the next stage that needs approval
    #[command(after_help = "Example:\n  spark approve --by ayse --because \"signed off in the war room\"")]
    Approve(command::words::MustArgs),
    /// Skip the rest of a stage's time; the decision still has to be proceed
    #[command(after_help = "Example:\n  spark promote --because \"a hotfix, and the market opens at ten\"")]
    Promote(command::words::MustArgs),
    /// Silence one trigger until a time
    Override(command::words::OverrideArgs),
    /// Take all traffic back to the stable version
    Rollback(command::words::RollbackArgs),
    /// End a rollout; the traffic stays where it is
    #[command(after_help = "Example:\n  spark abort --because \"replaced by 2026-01-05.2\"")]
    Abort(command::words::MustArgs),
    /// Check the configuration, or print its schema
    Config(command::config::ConfigArgs),
    /// Verify, show and replay what a release left behind
    Evidence(command::evidence::EvidenceArgs),
    /// Write rules for another system
    Export(command::export::ExportArgs),
    /// Read rules of another system
    Import(command::import::ImportArgs),
    /// Serve editors: the language server on standard input and output
    Lsp,
    #[command(hide = true)]
    DemoService(demo::service::ServiceArgs),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => return arguments(&told),
    };
    cli.console.choose_colour();
    let mut console = Console::new(cli.console);
    let result = match &cli.command {
        // both print and end in their own way
        Command::Demo(args) => return demo::run(args, cli.console.quiet),
        Command::DemoService(args) => return demo::service::run(args),
        Command::Init(args) => command::init::run(&mut console, args),
        Command::Check(args) => command::check::run(&mut console, args),
        Command::Fmt(args) => command::fmt::run(&mut console, args),
        Command::Test(args) => command::test::run(&mut console, args),
        Command::Explain(args) => command::explain::run(&mut console, args),
        Command::Export(args) => command::export::run(&mut console, args),
        Command::Import(args) => command::import::run(&mut console, args),
        Command::Lsp => command::lsp::run(&mut console),
        Command::Replay(args) => command::replay::run(&mut console, args),
        Command::Decide(args) => command::decide::run(&mut console, args),
        Command::Preflight(args) => command::phase::run(&mut console, args, CheckPhase::Preflight),
        Command::Redteam(args) => command::phase::run(&mut console, args, CheckPhase::RedTeam),
        Command::Blast(args) => command::phase::run(&mut console, args, CheckPhase::Blast),
        Command::Run(args) => command::run::run(&mut console, args, cli.console),
        Command::Status(args) => command::status::run(&mut console, args),
        Command::Hold(args) => command::words::may(&mut console, args, Word::Hold),
        Command::Resume(args) => command::words::may(&mut console, args, Word::Resume),
        Command::Approve(args) => command::words::must(&mut console, args, Word::Approve),
        Command::Promote(args) => command::words::must(&mut console, args, Word::Promote),
        Command::Abort(args) => command::words::must(&mut console, args, Word::Abort),
        Command::Override(args) => command::words::silence(&mut console, args),
        Command::Rollback(args) => command::words::rollback(&mut console, args, cli.console),
        Command::Config(args) => command::config::run(&mut console, args),
        Command::Evidence(args) => command::evidence::run(&mut console, args),
    };
    let result = match console.failure() {
        Some(error) => Err(Failure::could_not_run(format!("cannot write the result: {error}"))),
        None => result,
    };
    ExitCode::from(match result {
        Ok(exit) => exit as u8,
        Err(failure) => {
            if !failure.words.is_empty() {
                say(&format!("error: {failure}"));
            }
            failure.exit as u8
        }
    })
}

/// What the argument parser has to say: help and version are results, anything else is a mistake.
fn arguments(told: &clap::Error) -> ExitCode {
    if told.use_stderr() {
        // the parser repeats a wrong word, an address with its password too
        say(without_passwords(&told.render().ansi().to_string()).trim_end());
        return ExitCode::from(Exit::BadArguments as u8);
    }
    // a closed pipe leaves nobody to tell
    let _ = told.print();
    ExitCode::from(Exit::Done as u8)
}

/// A text whose addresses are shown without what stands before an `@`, and without their query.
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, address)) = rest.split_once("://") {
        let end = address.find(char::is_whitespace).unwrap_or(address.len());
        let (address, behind) = address.split_at_checked(end).unwrap_or((address, ""));
        shown.push_str(before);
        shown.push_str("://");
        let (hidden, host) = address.rsplit_once('@').map_or(("", address), |(_, host)| ("…@", host));
        shown.push_str(hidden);
        match host.split_once('?') {
            Some((path, query)) => {
                let quote = if query.contains('\'') { "'" } else { "" };
                shown.push_str(&format!("{path}?…{quote}"));
            }
            None => shown.push_str(host),
        }
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wrong argument is repeated without the password or the key in it.
    #[test]
    fn passwords() {
        for (text, expected) in [
            ("no address", "no address"),
            ("'http://me:secret@h:1/x' for", "'http://…@h:1/x' for"),
            ("'http://me:s/e@c@h' and 'ftp://a:b@c'", "'http://…@h' and 'ftp://…@c'"),
            ("'http://h/?key=secret' for", "'http://h/?…' for"),
            ("://", "://"),
        ] {
            assert_eq!(without_passwords(text), expected);
        }
    }
}
