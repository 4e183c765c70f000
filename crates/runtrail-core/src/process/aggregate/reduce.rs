//! Figures over many values, one value at a time.

use crate::event::TraceEvent;
use crate::json::{RawJson, push_string};
use crate::process::SettingsError;
use crate::process::value::ValuePath;

/// The longest value that [`Stat::Last`] keeps; a longer one reads as null.
const MAX_LAST: usize = 4096;

/// How values become one figure. A value that is no number counts for [`Stat::Count`] and
/// [`Stat::Last`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stat {
    /// The number of ops, or of those that have the field where one is named.
    Count,
    /// The sum; exact where every value is an integer and the sum fits 128 bits.
    Sum,
    /// The least; null where there is no number.
    Min,
    /// The greatest; null where there is no number.
    Max,
    /// The sum over the number of numbers; null where there is no number.
    Mean,
    /// The last value, of any type, as it stood; null where there is none or it is over 4 KiB.
    Last,
}

impl Stat {
    /// Every figure.
    pub const ALL: [Self; 6] = [
        Self::Count,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::Mean,
        Self::Last,
    ];

    /// Returns the name used in configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Last => "last",
        }
    }
}

/// One figure of a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reducer {
    stat: Stat,
    field: Option<String>,
    path: Option<Result<ValuePath, SettingsError>>,
    name: String,
}

impl Reducer {
    /// Makes a figure of a field of the op's end, such as `duration_ms` or `outputs.score`.
    pub fn new(stat: Stat, field: impl Into<String>, name: impl Into<String>) -> Self {
        let field = field.into();
        Self {
            stat,
            path: Some(ValuePath::new(&field)),
            field: Some(field),
            name: name.into(),
        }
    }

    /// Counts the ops.
    pub fn count(name: impl Into<String>) -> Self {
        Self {
            stat: Stat::Count,
            field: None,
            path: None,
            name: name.into(),
        }
    }

    /// Returns what the figure is called in the summary.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.name.is_empty() {
            return Err(SettingsError::new("reducers", "a figure has no name"));
        }
        match &self.path {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn value<'a>(&self, end: &'a TraceEvent) -> Option<&'a str> {
        match &self.path {
            Some(Ok(path)) => path.of(end),
            _ => None,
        }
    }
}

/// The figures of one group so far.
pub(super) struct Reduction(Vec<Figure>);

#[derive(Default)]
struct Figure {
    count: u64,
    numbers: u64,
    sum: f64,
    /// The sum, as long as every number was an integer.
    integers: Option<i128>,
    /// The least and the greatest with their texts, so that they are shown as they stood.
    min: Option<(f64, String)>,
    max: Option<(f64, String)>,
    last: Option<String>,
}

impl Reduction {
    pub(super) fn of(reducers: &[Reducer]) -> Self {
        let figure = |_| Figure {
            integers: Some(0),
            ..Figure::default()
        };
        Self(reducers.iter().map(figure).collect())
    }

    pub(super) fn take(&mut self, reducers: &[Reducer], end: &TraceEvent) {
        for (reducer, figure) in reducers.iter().zip(&mut self.0) {
            let value = reducer.value(end);
            figure.count += u64::from(reducer.field.is_none() || value.is_some());
            if let Some(value) = value {
                figure.take(value);
            }
        }
    }

    pub(super) fn to_json(&self, reducers: &[Reducer]) -> String {
        let mut json = String::from("{");
        for (index, (reducer, figure)) in reducers.iter().zip(&self.0).enumerate() {
            if index > 0 {
                json.push(',');
            }
            push_string(&mut json, &reducer.name);
            json.push(':');
            json.push_str(&figure.shown(reducer.stat));
        }
        json.push('}');
        json
    }
}

impl Figure {
    fn take(&mut self, value: &str) {
        self.last = (value.len() <= MAX_LAST).then(|| value.to_owned());
        let Some(number) = RawJson::parse(value).and_then(RawJson::as_f64) else {
            return;
        };
        self.numbers += 1;
        self.sum += number;
        self.integers = self
            .integers
            .and_then(|sum| sum.checked_add(value.parse().ok()?));
        // A number's text is longer than any figure needs only where somebody means harm. A part of it may be
        // another number, or none.
        let text = || {
            if value.len() <= MAX_LAST {
                value.to_owned()
            } else {
                self::number(number)
            }
        };
        if self.min.as_ref().is_none_or(|(least, _)| number < *least) {
            self.min = Some((number, text()));
        }
        if self.max.as_ref().is_none_or(|(most, _)| number > *most) {
            self.max = Some((number, text()));
        }
    }

    fn shown(&self, stat: Stat) -> String {
        let text = |figure: &Option<(f64, String)>| {
            figure.as_ref().map_or("null", |(_, text)| text).to_owned()
        };
        match stat {
            Stat::Count => self.count.to_string(),
            Stat::Sum => match self.integers {
                Some(sum) => sum.to_string(),
                None => number(self.sum),
            },
            Stat::Mean if self.numbers == 0 => "null".to_owned(),
            Stat::Mean => {
                let sum = self.integers.map_or(self.sum, |sum| sum as f64);
                number(sum / self.numbers as f64)
            }
            Stat::Min => text(&self.min),
            Stat::Max => text(&self.max),
            Stat::Last => self.last.clone().unwrap_or_else(|| "null".to_owned()),
        }
    }
}

/// Writes a float as JSON; what is not finite is null.
fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        "null".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: &[&str]) -> [String; 6] {
        let mut figure = Figure {
            integers: Some(0),
            ..Figure::default()
        };
        for value in values {
            figure.count += 1;
            figure.take(value);
        }
        Stat::ALL.map(|stat| figure.shown(stat))
    }

    #[test]
    fn figures_are_exact_where_they_can_be() {
        assert_eq!(
            figures(&["9007199254740993", "1", "-3"]),
            [
                "3",
                "9007199254740991",
                "-3",
                "9007199254740993",
                "3002399751580330.5",
                "-3"
            ]
        );
        assert_eq!(
            figures(&["1.50", "2"]),
            ["2", "3.5", "1.50", "2", "1.75", "2"]
        );
    }

    #[test]
    fn a_number_of_many_digits_stays_that_number() {
        let zeros = "0".repeat(MAX_LAST);
        for (given, wanted) in [
            (format!("0.{}e1", "0".repeat(MAX_LAST - 3)), "0"),
            (format!("1{zeros}e-{MAX_LAST}"), "1"),
            (format!("-2.5{zeros}"), "-2.5"),
        ] {
            let [_, _, min, max, ..] = figures(&[&given]);
            assert_eq!((&*min, &*max), (wanted, wanted), "{given}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_zero() {
        assert_eq!(
            figures(&["\"x\"", "null"]),
            ["2", "0", "null", "null", "null", "null"]
        );
        assert_eq!(figures(&[]), ["0", "0", "null", "null", "null", "null"]);
        assert_eq!(figures(&["1e308", "1e308"])[1], "null");
    }
}
