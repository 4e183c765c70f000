//! Attributes within limits.

use std::borrow::Cow;

use runtrail_otlp_wire::model::{Attr, Value};

use super::MapLimits;

/// The attributes that there is room for at first.
const ROOM: usize = 18;

/// The attributes of a span in the making.
#[derive(Debug)]
pub(super) struct Attrs<'a> {
    list: Vec<Attr<'a>>,
    limits: MapLimits,
    /// Where the user's begin.
    own: usize,
    dropped: u32,
}

impl<'a> Attrs<'a> {
    pub(super) fn new(limits: MapLimits) -> Self {
        Self::with_users(limits, 0)
    }

    /// As [`new`](Self::new), with room for so many of the user's.
    pub(super) fn with_users(limits: MapLimits, users: usize) -> Self {
        Self {
            // What most spans hold, and no more than allocators hand out quickly.
            list: Vec::with_capacity(ROOM + users.min(limits.attributes)),
            limits,
            own: 0,
            dropped: 0,
        }
    }

    /// Adds one of Runtrail's, whose key is not there yet; these come before the user's.
    #[inline]
    pub(super) fn push(&mut self, key: &'static str, value: impl Into<Value<'a>>) {
        let value = fit(value.into(), self.limits.value_bytes);
        self.list.push(Attr {
            key: key.into(),
            value,
        });
        self.own = self.list.len();
    }

    pub(super) fn push_some(&mut self, key: &'static str, value: Option<impl Into<Value<'a>>>) {
        if let Some(value) = value {
            self.push(key, value);
        }
    }

    /// Sets one of the user's; a key that is there already gets the new value.
    pub(super) fn set(&mut self, key: String, value: Value<'a>) {
        let value = fit(value, self.limits.value_bytes);
        if let Some(attr) = self.list[self.own..]
            .iter_mut()
            .find(|attr| attr.key == key)
        {
            attr.value = value;
        } else if self.list.len() < self.limits.attributes {
            self.list.push(Attr {
                key: key.into(),
                value,
            });
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Returns the attributes and how many were left out.
    pub(super) fn finish(mut self) -> (Vec<Attr<'a>>, u32) {
        let over = self.list.len().saturating_sub(self.limits.attributes);
        self.list.truncate(self.limits.attributes);
        (self.list, self.dropped.saturating_add(over as u32))
    }
}

/// Cuts a text value, and each text of a list, to a number of bytes.
#[inline]
pub(super) fn fit(value: Value<'_>, max: usize) -> Value<'_> {
    match value {
        Value::Str(text) if text.len() > max => Value::Str(cut(text, max)),
        Value::Array(mut values) => {
            for one in &mut values {
                if matches!(one, Value::Str(text) if text.len() > max) {
                    *one = fit(std::mem::take(one), max);
                }
            }
            Value::Array(values)
        }
        other => other,
    }
}

/// Cuts a text at a character, so that it and the words that say so fit in `max` bytes.
pub(super) fn cut(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return text;
    }
    let marker = format!("… [cut, {} bytes]", text.len());
    let mut end = max.saturating_sub(marker.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if marker.len() > max {
        // No room to say so: the head alone.
        end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        return text[..end].to_owned().into();
    }
    format!("{}{marker}", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_cut_fits_and_says_so(text in ".{0,300}", max in 0_usize..200) {
            let cut = cut(text.as_str().into(), max);
            prop_assert!(cut.len() <= max.max(text.len().min(max)));
            if text.len() <= max {
                prop_assert_eq!(&*cut, &*text);
            } else if max > 40 {
                let marker = format!("… [cut, {} bytes]", text.len());
                prop_assert!(cut.ends_with(&marker));
            }
        }
    }

    #[test]
    fn ours_stay_and_the_users_are_counted() {
        let limits = MapLimits {
            attributes: 3,
            ..MapLimits::default()
        };
        let mut attrs = Attrs::new(limits);
        attrs.push("a", 1_i64);
        attrs.push("b", 2_i64);
        for (key, value) in [("x", 3_i64), ("x", 4), ("y", 5), ("z", 6)] {
            attrs.set(key.into(), value.into());
        }
        let (list, dropped) = attrs.finish();
        assert_eq!(
            list,
            [
                Attr::new("a", 1_i64),
                Attr::new("b", 2_i64),
                Attr::new("x", 4_i64)
            ]
        );
        assert_eq!(dropped, 2);
    }
}
