//! Notifications: one line each, best effort, and never in the way.

use std::time::{Duration, Instant};

use spark_core::{TimeSpan, Timestamp};
use spark_runtime::action::{CommandSettings, CommandTemplate, Secret};
use spark_runtime::http::HttpConfig;
use spark_runtime::notify::{Message, Notifier, QUEUE_MAX, Recipient, Signal};

use super::webhook::{Does, Service};

fn message(signal: Signal, because: &str) -> Message {
    Message {
        signal,
        release: "1.4".to_owned(),
        stage: Some(0),
        share_bp: Some(100),
        since: Timestamp::parse("2026-01-01T00:10:00Z").unwrap(),
        because: vec![because.to_owned()],
        next: String::new(),
    }
}

fn command(script: &str, timeout: TimeSpan) -> Recipient {
    let words = ["sh", "-c", script, "{release}"].map(str::to_owned).to_vec();
    let command = CommandTemplate::new(words, &["release"]).unwrap();
    Recipient::Command { command, settings: CommandSettings::default(), timeout }
}

fn webhook(url: &str) -> Recipient {
    Recipient::Webhook {
        url: Secret::new(format!("{url}/services/T0/secret")),
        secret: None,
        http: HttpConfig::default().within(Duration::from_millis(400)),
        timeout: TimeSpan::from_seconds(1),
    }
}

/// A command gets the line at its standard input and in its environment, a webhook as JSON, in order.
#[tokio::test]
async fn delivered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let script = format!("cat >> {0}; echo \"$SPARK_SIGNAL $0\" >> {0}", file.display());
    let service = Service::start(vec![Does::Answers(200, "ok".to_owned())]).await;
    let long = TimeSpan::from_seconds(10);
    let notifier = Notifier::start(vec![command(&script, long), webhook(&service.url)]).unwrap();
    notifier.tell(&message(Signal::Stage, "a"));
    notifier.tell(&message(Signal::RolledBack, "b"));
    let deliveries = notifier.finish(Duration::from_secs(10)).await;
    let counts: Vec<_> = deliveries.iter().map(|d| (d.recipient.as_str(), d.delivered, d.failed)).collect();
    assert_eq!(counts, [("command sh", 2, 0), ("webhook 2", 2, 0)]);
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        "STAGE | 1.4 stage 1 1% | since 2026-01-01T00:10:00Z | because a | next the next stage when its time is served\nSTAGE 1.4\n\
         ROLLED BACK | 1.4 stage 1 1% | since 2026-01-01T00:10:00Z | because b | next nothing; the release is over\nROLLED BACK 1.4\n"
    );
    let asked = service.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].contains(r#""text":"STAGE | 1.4 stage 1 1% |"#), "{}", asked[0]);
    assert!(asked[0].contains("webhook-id: msg_") && !asked[0].contains("webhook-signature"));
}

/// A recipient that hangs, fails or is away delays nobody, is counted, and learns what it missed.
#[tokio::test]
async fn failures() {
    let service =
        Service::start(vec![Does::Answers(400, "no".to_owned()), Does::Answers(200, String::new())]).await;
    let hanging = command("sleep 30", TimeSpan::from_nanos(200_000_000));
    let failing = command("echo no room >&2; exit 3", TimeSpan::from_seconds(5));
    let notifier =
        Notifier::start(vec![hanging, failing, webhook(&service.url), webhook("http://127.0.0.1:1")])
            .unwrap();
    let begun = Instant::now();
    notifier.tell(&message(Signal::Hold, "a"));
    notifier.tell(&message(Signal::Proceed, "b"));
    assert!(begun.elapsed() < Duration::from_millis(100), "telling waits for nobody");
    let deliveries = notifier.finish(Duration::from_secs(20)).await;
    let counts: Vec<_> = deliveries.iter().map(|d| (d.delivered, d.failed)).collect();
    assert_eq!(counts, [(0, 2), (0, 2), (1, 1), (0, 2)], "{deliveries:?}");
    let why = |place: usize| deliveries[place].last_failure.clone().unwrap();
    assert!(why(0).starts_with("no end within 200ms"), "{}", why(0));
    assert_eq!(why(1), "exit status 3: `no room`");
    assert!(why(2).starts_with("status 400"), "{}", why(2));
    assert!(why(3).contains("no connection") && !why(3).contains("secret"), "{}", why(3));
    assert!(service.asked()[1].contains("| missed 1\""), "{:?}", service.asked());
}

/// A storm of messages takes bounded memory and time; the newest arrive.
#[tokio::test]
async fn storms() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let script = format!("sleep 0.1; cat >> {}", file.display());
    let notifier = Notifier::start(vec![command(&script, TimeSpan::from_seconds(5))]).unwrap();
    let begun = Instant::now();
    for n in 0..100_000 {
        notifier.tell(&message(Signal::Hold, &n.to_string()));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let deliveries = notifier.finish(Duration::from_millis(600)).await;
    let [only] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    assert_eq!(only.delivered + only.failed, 100_000, "{only:?}");
    let told = std::fs::read_to_string(file).unwrap();
    let first = told.lines().next().unwrap();
    assert!(
        first.contains(&format!("because {} |", 100_000 - QUEUE_MAX)) && first.contains("| missed 99936"),
        "{told}"
    );
}
