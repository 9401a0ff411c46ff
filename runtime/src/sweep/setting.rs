//! Points of the grid.

use equilayer_grammar::list;

use super::axis::{Axis, MOST_RUNS, SweepError};
use super::{NONE, SEED};

/// One run of a sweep: a value of every key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Keys that vary, in the order they were given, with this run's values.
    pub varied: Vec<(String, String)>,
    /// Keys that are the same in all runs.
    pub fixed: Vec<(String, String)>,
}

/// All combinations of the axes' values. Seeds vary slowest, so that a sweep that is stopped early has all settings of the
/// first seeds. Knobs of a regularizer that a run leaves out do not multiply it.
///
/// # Errors
/// Nothing that varies; too many runs.
pub fn settings(axes: &[Axis]) -> Result<Vec<Setting>, SweepError> {
    let varied: Vec<&Axis> = axes.iter().filter(|axis| axis.varies()).collect();
    if varied.is_empty() {
        return Err(SweepError::NothingVaries);
    }
    let runs = varied.iter().try_fold(1_usize, |runs, axis| runs.checked_mul(axis.values.len()));
    if runs.is_none_or(|runs| runs > MOST_RUNS) {
        return Err(SweepError::TooMany);
    }
    let fixed: Vec<(String, String)> = axes
        .iter()
        .filter(|axis| !axis.varies())
        .map(|axis| (axis.key.clone(), axis.values[0].clone()))
        .collect();
    let mut points: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for axis in &varied {
        let extended = |point: &Vec<(String, String)>| {
            let with = |value: &String| [&point[..], &[(axis.key.clone(), value.clone())]].concat();
            axis.values.iter().map(with).collect::<Vec<_>>()
        };
        points = points.iter().flat_map(extended).collect();
    }
    let mut settings: Vec<Setting> = Vec::with_capacity(points.len());
    for varied in points {
        let setting = Setting { varied, fixed: fixed.clone() }.without_idle_keys();
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    let seed = |setting: &Setting| {
        let seeds = &varied.iter().find(|axis| axis.key == SEED)?.values;
        seeds.iter().position(|seed| Some(seed.as_str()) == setting.seed())
    };
    settings.sort_by_key(seed); // stable: within a seed the order is as before
    Ok(settings)
}

/// The member that a key places, `NAME` of `method.NAME.at`, without the quotes that a name with a tap needs.
fn placed(key: &str) -> Option<&str> {
    Some(key.strip_prefix("method.")?.strip_suffix(".at")?.trim_matches('"'))
}

impl Setting {
    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.all().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The seed, where it was given.
    pub fn seed(&self) -> Option<&str> {
        self.value(SEED)
    }

    /// What varies but the seed: equal in the repetitions of one setting.
    pub fn group(&self) -> Vec<(String, String)> {
        self.varied.iter().filter(|(key, _)| key != SEED).cloned().collect()
    }

    fn all(&self) -> impl Iterator<Item = &(String, String)> {
        self.fixed.iter().chain(&self.varied)
    }

    /// Regularizers that this run leaves out, each with the key that says so.
    fn left_out(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter_map(|(key, value)| Some((placed(key).filter(|_| value == NONE)?, key.as_str())))
    }

    /// Without other keys of regularizers that it leaves out.
    fn without_idle_keys(mut self) -> Setting {
        let absent: Vec<String> = self.left_out().map(|(name, _)| name.to_owned()).collect();
        let idle = |key: &str| {
            let of = |name: &String| {
                let member = key.strip_prefix("method.").map(|rest| rest.trim_start_matches('"'));
                let rest = member.and_then(|rest| rest.strip_prefix(name.as_str()));
                rest.is_some_and(|rest| rest.trim_start_matches('"').starts_with('.'))
            };
            placed(key).is_none() && absent.iter().any(of)
        };
        self.varied.retain(|(key, _)| !idle(key));
        self.fixed.retain(|(key, _)| !idle(key));
        self
    }

    /// What the configuration is overridden by, but for regularizers that are left out.
    pub fn overrides(&self) -> Vec<String> {
        let written = |(key, value): &(String, String)| match (placed(key), key.strip_suffix("at")) {
            (Some(_), _) if value == NONE => None,
            (Some(_), Some(section)) if value.parse::<usize>().is_ok() => {
                Some(format!("{section}layer={value}"))
            }
            _ => Some(format!("{key}={value}")),
        };
        self.all().filter_map(written).collect()
    }

    /// The override that leaves out what this run has not, of a configuration with these regularizers; nothing where the
    /// run has them all.
    ///
    /// # Errors
    /// A regularizer that the configuration does not have.
    pub fn without(&self, regularizers: &[String]) -> Result<Option<String>, SweepError> {
        let mut kept = regularizers.to_vec();
        for (name, key) in self.left_out() {
            let before = kept.len();
            kept.retain(|regularizer| regularizer != name);
            if kept.len() == before {
                let have = match regularizers {
                    [] => "it has none".into(),
                    _ => format!("it has {}", list(regularizers.iter().map(String::as_str))),
                };
                let problem = format!("the configuration has no regularizer `{name}` to leave out; {have}");
                return Err(SweepError::NotLeftOut { key: key.into(), problem });
            }
        }
        let list: Vec<String> =
            kept.into_iter().map(toml::Value::String).map(|name| name.to_string()).collect();
        Ok((list.len() < regularizers.len()).then(|| format!("method.regularizers=[{}]", list.join(", "))))
    }

    /// The name of its folder: what varies, and the seed where it was given, so that more seeds can follow. The order in
    /// which keys were given does not count.
    pub fn folder(&self) -> String {
        let mut values = self.group();
        values.sort();
        values.extend(self.seed().map(|seed| (SEED.to_owned(), seed.to_owned())));
        let part = |(key, value): &(String, String)| {
            let short = key.split_once('.').map_or(key.as_str(), |(_, rest)| rest);
            format!("{}={}", encoded(short), encoded(value))
        };
        values.iter().map(part).collect::<Vec<_>>().join(",")
    }

    /// What a reader calls it, seeds apart: "layer 3", "none", "temperature 0.2".
    pub fn label(&self) -> String {
        let group = self.group();
        let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
        let words = |(key, value): &(String, String)| {
            let alike = group.iter().filter(|(other, _)| last(other) == last(key)).count() > 1;
            let of = match alike {
                true => key.rsplit('.').nth(1).map_or_else(String::new, |member| format!("{member} ")),
                false => String::new(),
            };
            match placed(key) {
                Some(_) if value.parse::<usize>().is_ok() => format!("{of}layer {value}"),
                Some(_) => format!("{of}{value}"),
                None => format!("{of}{} {value}", last(key)),
            }
        };
        match group.is_empty() {
            true => "all".into(),
            false => group.iter().map(words).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Text as a part of a file's name, different for different texts: blanks as `+`, whatever a file system or a shell may
/// dislike as `%XX`.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'@' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
