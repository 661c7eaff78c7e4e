//! A whole release in compressed time, on real parts: checks, five stages behind HAProxy, the first night, evidence.
//!
//! What decides is the `spark` program, by the pack's rules in compressed time (`rehearsal`); what is here starts what stands around it,
//! says the words that people would type, and counts what is left.

mod evidence;
mod rehearsal;
mod surroundings;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use self::rehearsal::Dwell;
use self::surroundings::{Surroundings, said};
use crate::client::Client;
use crate::local::{Addresses, Local, UpSettings};

/// What goes wrong here is told, not handled.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where this example is.
const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// The configuration of Spark, with what is only known here in double braces.
const CONFIGURATION: &str = include_str!("spark.yaml");

/// Who signs, in a rehearsal.
const SIGNATURES: [&str; 3] = ["release-manager=Ayşe Kaya", "risk=Mert Demir", "database=Zeynep Arslan"];

/// Exit codes of `spark`.
const COMPLETED: i32 = 0;
const ROLLED_BACK: i32 = 11;

/// How often a phase of checks is made before its NO-GO counts. What has just been started fills its pools and caches still,
/// and clients wait for connections that are being opened; on a day of a release all of it has run for weeks.
const ATTEMPTS: u32 = 3;

/// The time between two of them.
const SETTLE: Duration = Duration::from_secs(4);

/// What a release is told.
#[derive(Debug, Clone, clap::Args)]
pub struct ReleaseSettings {
    /// A folder that is empty or not there yet; PostgreSQL's user must be able to get there
    pub folder: PathBuf,
    /// The release's name
    #[arg(long, default_value = "1.0.0")]
    pub release: String,
    /// The `spark` program [default: the one beside this program]
    #[arg(long, value_name = "PROGRAM")]
    pub spark: Option<PathBuf>,
    /// Turn this fault switch of the canary: the release has to be rolled back
    #[arg(long, value_name = "NAME")]
    pub fault: Option<String>,
    /// The stage, from 1, in which the fault is turned on
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5))]
    pub at_stage: u32,
    /// Stages of 6 seconds and not of 20, and a blast of 5 seconds and not of 30
    #[arg(long)]
    pub quick: bool,
    /// Orders per second: the canary's 1 % of them has to be enough for a percentile of three seconds
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u32).range(40..=2_000))]
    pub rate: u32,
}

/// Makes a release from its start to its sealed evidence, and tells each step on standard error.
///
/// # Errors
/// Something does not start, a check says NO-GO, the release does not end as it has to, or its evidence is not whole.
pub async fn release(settings: &ReleaseSettings) -> Result<(), Failure> {
    fs::create_dir_all(&settings.folder)?;
    if fs::read_dir(&settings.folder)?.next().is_some() {
        return Err(format!("`{}` is not empty", settings.folder.display()).into());
    }
    // PostgreSQL's user passes through; keys in here are their owner's alone
    fs::set_permissions(&settings.folder, fs::Permissions::from_mode(0o711))?;
    let show = Show { folder: settings.folder.canonicalize()?, settings, begun: Instant::now() };
    let made = tokio::select! {
        made = show.make() => made,
        ended = told_to_end() => Err(ended.err().map_or_else(|| "it was told to end".into(), Failure::from)),
    };
    let backend = show.backend();
    if backend.exists() {
        show.tell("all parts are stopped");
        // the logs stay: they say why
        Local::down(&backend, made.is_err())?;
    }
    made
}

/// Ends when this process is asked to.
async fn told_to_end() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// A release on its way.
struct Show<'a> {
    folder: PathBuf,
    settings: &'a ReleaseSettings,
    begun: Instant,
}

impl Show<'_> {
    fn tell(&self, words: &str) {
        eprintln!("[{:5.1} s] {words}", self.begun.elapsed().as_secs_f64());
    }

    fn backend(&self) -> PathBuf {
        self.folder.join("backend")
    }

    async fn make(&self) -> Result<(), Failure> {
        let spark = self.spark()?;
        self.tell(
            "the backend starts: PostgreSQL, pgBouncer, the feed, two instances behind HAProxy, orders",
        );
        let at = Local::up(self.up()?).await?;
        self.tell("servers of time and a Prometheus start");
        let around = surroundings::start(&self.folder, &self.backend(), &at).await?;
        let program = std::env::current_exe()?;
        for key in ["release.key", "builder.key"] {
            said(
                std::process::Command::new(&spark)
                    .args(["evidence", "keygen", "--quiet"])
                    .arg(self.folder.join(key)),
            )?;
        }
        self.tell("what is released: its tag, its bill of materials, its provenance");
        surroundings::deployment(&self.folder, &self.settings.release, &program)?;
        surroundings::bill_of_materials(&self.folder, Path::new(SOURCE))?;
        surroundings::provenance(&self.folder, &program)?;
        self.configure(&at, &around, &program)?;
        let dwell = Dwell::of(if self.settings.quick { 6 } else { 20 });
        rehearsal::write(&Path::new(SOURCE).join("../../rules"), &self.folder.join("rules"), dwell)?;
        let words = Spark { program: spark, folder: &self.folder, at: &at, fault: None };
        self.check(&words).await?;
        let fault = self.settings.fault.clone().map(|name| (self.settings.at_stage, name));
        let words = Spark { fault, ..words };
        self.walk(&words).await?;
        evidence::verify(self, &words).await
    }

    /// The `spark` program.
    fn spark(&self) -> Result<PathBuf, Failure> {
        let beside = || Ok::<_, Failure>(std::env::current_exe()?.with_file_name("spark"));
        let found = self.settings.spark.clone().map_or_else(beside, Ok)?;
        match found.exists() {
            true => Ok(found),
            false => {
                let words = format!("`{}` is not there; build it: cargo build -p spark-cli", found.display());
                Err(words.into())
            }
        }
    }

    fn up(&self) -> Result<UpSettings, Failure> {
        #[derive(Parser)]
        struct Up {
            #[command(flatten)]
            settings: UpSettings,
        }
        let folder = self.backend().display().to_string();
        let rate = self.settings.rate.to_string();
        // what the pack asks of keys; a canary without traffic; and a guard that leaves the deciding to Spark
        let words = [
            "up",
            &folder,
            "--rate",
            &rate,
            "--canary-share",
            "0",
            "--idempotency-ttl",
            "3600",
            "--pool",
            "40",
            "--guard",
            "watch",
        ];
        Ok(Up::try_parse_from(words)?.settings)
    }

    /// Writes `spark.yaml`.
    fn configure(&self, at: &Addresses, around: &Surroundings, program: &Path) -> Result<(), Failure> {
        let [time_1, time_2] = &around.time;
        let root = rustix::process::geteuid().is_root();
        let text = |path: &Path| path.display().to_string();
        let values = [
            ("canary", at.canary.url.clone()),
            ("baseline", at.baseline.url.clone()),
            ("haproxy_socket", text(&at.haproxy_socket)),
            ("hour", rehearsal::HOUR.to_owned()),
            ("folder", text(&self.folder)),
            ("program", text(program)),
            ("ntp_1", time_1.clone()),
            ("ntp_2", time_2.clone()),
            ("source", SOURCE.to_owned()),
            ("prometheus", around.prometheus.clone()),
            ("alertmanager", around.alertmanager.clone()),
            ("licences", surroundings::licences()),
            ("wal_archive", text(&at.wal_archive)),
            // PostgreSQL refuses to run as root
            ("run_as", if root { "run-as: [runuser, -u, postgres, --], ".to_owned() } else { String::new() }),
            ("scratch", text(&self.backend().join("postgres"))),
            ("blast", if self.settings.quick { "5s" } else { "30s" }.to_owned()),
        ];
        let filled = values.iter().fold(CONFIGURATION.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value)
        });
        Ok(fs::write(self.folder.join("spark.yaml"), filled)?)
    }

    /// The checks before the release; each phase has to say GO.
    async fn check(&self, spark: &Spark<'_>) -> Result<(), Failure> {
        let checks = Path::new(SOURCE).join("../../rules/checks.rules").display().to_string();
        spark.expect(COMPLETED, &["config", "check", "spark.yaml"]).await?;
        for phase in ["preflight", "blast", "redteam"] {
            self.tell(phase);
            let mut words =
                vec![phase, &checks, "--config", "spark.yaml", "--release", &self.settings.release];
            words.extend(SIGNATURES.iter().flat_map(|signature| ["--sign", signature]));
            let mut attempt = 1;
            while let Err(error) = spark.expect(COMPLETED, &words).await {
                if attempt >= ATTEMPTS {
                    return Err(error);
                }
                attempt = attempt.saturating_add(1);
                self.tell("NO-GO: once more, when what has just been started is warm");
                tokio::time::sleep(SETTLE).await;
            }
        }
        Ok(())
    }

    /// The five stages and the night.
    async fn walk(&self, spark: &Spark<'_>) -> Result<(), Failure> {
        self.tell("the release: 1 %, 5 %, 25 %, 50 %, 100 %, and 24 hours of a second each");
        let words =
            ["run", "rules/canary.rules", "--release", &self.settings.release, "--config", "spark.yaml"];
        let (wanted, end) = match &self.settings.fault {
            None => (COMPLETED, "every stage was served, and the night was watched"),
            Some(_) => (ROLLED_BACK, "it was rolled back, as it had to be"),
        };
        spark.expect(wanted, &words).await?;
        self.tell(end);
        Ok(())
    }
}

/// How `spark` is run.
struct Spark<'a> {
    program: PathBuf,
    folder: &'a Path,
    at: &'a Addresses,
    /// What is turned on, and in which stage.
    fault: Option<(u32, String)>,
}

impl Spark<'_> {
    /// Runs a command, tells its lines, and expects an exit code.
    async fn expect(&self, wanted: i32, words: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(self.folder).kill_on_drop(true);
        command.env("DATABASE_URL", &self.at.postgres).env("PGBOUNCER_URL", &self.at.pgbouncer_admin);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| format!("`{}` does not start: {error}", self.program.display()))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = tokio::join!(self.told(out), self.told(err));
        out.and(err)?;
        let status = child.wait().await?;
        match status.code() == Some(wanted) {
            true => Ok(()),
            false => {
                Err(format!("`spark {}` ended with {status}: expected {wanted}", words.join(" ")).into())
            }
        }
    }

    async fn told(&self, from: Option<impl AsyncRead + Unpin>) -> Result<(), Failure> {
        let Some(from) = from else { return Ok(()) };
        let mut lines = BufReader::new(from).lines();
        while let Some(line) = lines.next_line().await? {
            eprintln!("          {line}");
            if let Some((stage, fault)) = &self.fault
                && line.contains(&format!("  stage {stage}: "))
            {
                self.turn_on(fault).await?;
            }
        }
        Ok(())
    }

    async fn turn_on(&self, fault: &str) -> Result<(), Failure> {
        eprintln!("          the canary's fault `{fault}` is turned on");
        let url = format!("{}/faults/{fault}", self.at.canary.admin);
        let token = format!("Bearer {}", self.at.admin_token);
        let body = json!({ "on": true }).to_string();
        let reply = Client::default().send("POST", &url, &[("authorization", &token)], body).await?;
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(format!("the fault `{fault}` is not turned on: {}", reply.body).into()),
        }
    }
}
