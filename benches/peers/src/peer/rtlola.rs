//! `rtlola-interpreter`: a stream monitor that is fed events, for the twenty triggers and for live rules with `for`.

use std::convert::Infallible;
use std::fmt::Write as _;

use rtlola_interpreter::config::OfflineMode;
use rtlola_interpreter::input::ArrayFactory;
use rtlola_interpreter::monitor::TotalIncremental;
use rtlola_interpreter::time::RelativeNanos;
use rtlola_interpreter::{ConfigBuilder, Monitor, Value};

use super::{Inputs, Peer};
use crate::triggers::{INPUTS, SIGNALS, Syntax};

/// In the nanoseconds that it is told the time in.
const SECOND: u64 = 1_000_000_000;

type Source<const N: usize> = ArrayFactory<N, Infallible, [Value; N]>;
type Monitors<const N: usize> =
    Monitor<Source<N>, OfflineMode<RelativeNanos>, TotalIncremental, RelativeNanos>;

fn monitor<const N: usize>(specification: &str) -> Monitors<N> {
    ConfigBuilder::new()
        .spec_str(specification)
        .offline::<RelativeNanos>()
        .with_array_events::<N, Infallible, [Value; N]>()
        .with_verdict::<TotalIncremental>()
        .output_time::<RelativeNanos>()
        .monitor()
        .expect("rtlola")
}

fn mask(fired: &[usize]) -> u32 {
    fired.iter().fold(0, |mask, n| mask | 1 << n)
}

/// The twenty triggers, an event for each input.
pub(crate) struct Rtlola {
    monitor: Monitors<SIGNALS>,
    events: Vec<[Value; SIGNALS]>,
    seconds: u64,
}

impl Rtlola {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let syntax = Syntax { before: "", unit: "", and: "&&", or: "||" };
        let mut text = String::new();
        for signal in 0..SIGNALS {
            // writing to a string cannot fail
            let _ = writeln!(text, "input s{signal}: Int64");
        }
        for (n, condition) in syntax.conditions().iter().enumerate() {
            let _ = writeln!(text, "trigger {condition} \"t{n}\"");
        }
        let events = inputs.iter().map(|values| values.map(Value::Signed)).collect();
        Self { monitor: monitor(&text), events, seconds: 0 }
    }

    fn fired(&mut self, input: usize) -> Vec<usize> {
        self.seconds += 1;
        let event = self.events[input % INPUTS].clone();
        let answer = self.monitor.accept_event(event, self.seconds * SECOND).expect("rtlola");
        answer.event.trigger
    }
}

impl Peer for Rtlola {
    fn mask(&mut self, input: usize) -> u32 {
        mask(&self.fired(input))
    }

    fn decide(&mut self, input: usize) {
        std::hint::black_box(self.fired(input));
    }
}

/// Rules `signal > threshold for 300 s` over one signal at a sample a second: a run's length is counted.
pub(crate) struct Live {
    monitor: Monitors<1>,
    seconds: u64,
}

impl Live {
    pub(crate) fn new(thresholds: &[i64]) -> Self {
        let mut text = String::from("input s: Int64\n");
        for (n, threshold) in thresholds.iter().enumerate() {
            let _ = writeln!(
                text,
                "output run{n}: Int64 := if s > {threshold} then run{n}.offset(by: -1).defaults(to: 0) + 1 else 0\n\
                 trigger run{n} > 300 \"r{n}\""
            );
        }
        Self { monitor: monitor(&text), seconds: 0 }
    }

    /// Which rules fire after this value.
    pub(crate) fn push(&mut self, value: i64) -> u32 {
        self.seconds += 1;
        let event = [Value::Signed(value)];
        let answer = self.monitor.accept_event(event, self.seconds * SECOND).expect("rtlola");
        mask(&answer.event.trigger)
    }
}
