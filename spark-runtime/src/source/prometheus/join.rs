//! From an answer's series to a signal's samples: the track, the real time, and each sample once.

use std::collections::BTreeMap;

use spark_core::{Reading, Sample, Timestamp, Track};

use super::answer::{Answer, Series};
use super::failed_sample;
use super::question::{PART, Question, TIME, When};

/// The samples of an answer to an instant query.
pub(super) fn at_instant(question: &Question, answer: &Answer, at: Timestamp) -> Vec<Sample> {
    if let Some(words) = warned(answer) {
        return question.failed(at, &words);
    }
    let mut samples = Vec::new();
    for track in tracks(question) {
        match of_track(question, answer, track) {
            Ok(Some((series, times))) => {
                let points = series.points.iter().map(|point| timed(point, times));
                samples.extend(points.map(|(at, reading)| sample(question, track, at, reading)));
            }
            // a baseline that nobody reads need not be there
            Ok(None) if track == Track::Canary || question.baseline_is_read => {
                samples.push(failed_sample(question.signal, track, at, "no series"));
            }
            Ok(None) => {}
            Err(words) => samples.push(failed_sample(question.signal, track, at, &words)),
        }
    }
    samples
}

/// What was found in the chunks of a range so far.
#[derive(Debug, Default)]
pub(super) struct Joined {
    newest: BTreeMap<Track, (Timestamp, Reading)>,
}

impl Joined {
    /// Adds the samples of one chunk.
    pub(super) fn add(
        &mut self,
        question: &Question,
        answer: &Answer,
        when: When,
        samples: &mut Vec<Sample>,
    ) {
        if let Some(words) = warned(answer) {
            samples.extend(when.instants().flat_map(|at| question.failed(at, &words)));
            return;
        }
        for track in tracks(question) {
            match of_track(question, answer, track) {
                Ok(Some((series, times))) if question.track.is_none() => {
                    for (at, reading) in series.points.iter().map(|point| timed(point, times)) {
                        self.push(question, track, at, reading, samples);
                    }
                }
                Ok(found) if question.track.is_some() => {
                    let points = found.map(|(series, _)| series.points.as_slice()).unwrap_or_default();
                    self.add_guarded(question, track, points, when, samples);
                }
                Ok(_) => {}
                Err(words) => {
                    let failed = |at| failed_sample(question.signal, track, at, &words);
                    samples.extend(when.instants().map(failed));
                }
            }
        }
    }

    /// Of a query with a guard of its own, an instant without a value is one at which nothing could be believed:
    /// from the first value on, it is said.
    fn add_guarded(
        &mut self,
        question: &Question,
        track: Track,
        points: &[(Timestamp, Reading)],
        when: When,
        samples: &mut Vec<Sample>,
    ) {
        let mut points = points.iter().peekable();
        for at in when.instants() {
            // Prometheus knows milliseconds
            let here = |point: &&(Timestamp, Reading)| point.0.nanos().abs_diff(at.nanos()) < 1_000_000;
            match points.next_if(here) {
                Some((at, reading)) => self.push(question, track, *at, reading.clone(), samples),
                None if self.newest.contains_key(&track) => {
                    samples.push(failed_sample(question.signal, track, at, "no series"));
                }
                None => {}
            }
        }
    }

    fn push(
        &mut self,
        question: &Question,
        track: Track,
        at: Timestamp,
        reading: Reading,
        samples: &mut Vec<Sample>,
    ) {
        // Prometheus repeats the newest sample at every step until the next
        let found = (at, reading);
        if self.newest.get(&track) != Some(&found) {
            samples.push(sample(question, track, found.0, found.1.clone()));
            self.newest.insert(track, found);
        }
    }
}

fn warned(answer: &Answer) -> Option<String> {
    let first = answer.warnings.first()?;
    Some(format!("prometheus warns: {}", crate::http::excerpt(first.as_bytes())))
}

fn tracks(question: &Question) -> Vec<Track> {
    question.track.map_or_else(|| Track::ALL.to_vec(), |track| vec![track])
}

fn sample(question: &Question, track: Track, at: Timestamp, reading: Reading) -> Sample {
    Sample { signal: question.signal, track, at, reading: reading.scaled(question.scale) }
}

fn part(series: &Series) -> Option<&str> {
    series.labels.get(PART).map(String::as_str)
}

/// The one series of a track with the series of its times, where there is one.
fn of_track<'a>(
    question: &Question,
    answer: &'a Answer,
    track: Track,
) -> Result<Option<(&'a Series, Option<&'a Series>)>, String> {
    let of_this_track = |series: &&Series| match question.track {
        Some(_) => true,
        None => {
            let baseline = series.labels.get("track").is_some_and(|label| label == Track::Baseline.as_str());
            baseline == (track == Track::Baseline)
        }
    };
    let mine = || answer.series.iter().filter(of_this_track);
    let values: Vec<_> = mine().filter(|series| part(series) != Some(TIME)).collect();
    match values.as_slice() {
        [] => Ok(None),
        [value] => Ok(Some((value, mine().find(|series| part(series) == Some(TIME))))),
        several => Err(format!("{} series: aggregate them", several.len())),
    }
}

/// A point with the time of the sample that it repeats; never later than the instant that was asked for.
fn timed(point: &(Timestamp, Reading), times: Option<&Series>) -> (Timestamp, Reading) {
    let (asked, reading) = point;
    let real = times.and_then(|times| {
        let place = times.points.binary_search_by_key(asked, |(at, _)| *at).ok()?;
        let (_, time) = times.points.get(place)?;
        Timestamp::from_unix_seconds(time.value()?)
    });
    (real.map_or(*asked, |real| real.min(*asked)), reading.clone())
}
