//! Pages of records.

use runtrail_core::json::RawJson;

use super::{Cursor, Limit};
use crate::record::{
    EventMarker, EventRecord, Fields, Record, RecordError, TriggerRunRecord, push_list, push_text,
};

/// Some of the records that a query asks for, and where the others begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The records, in the query's order.
    pub items: Vec<T>,
    /// How many records the query asks for in all, on this page and any other. It is counted in
    /// the same snapshot that the records were read in.
    pub total: u64,
    /// The limit that was applied, which is less than what was asked for where that was too much.
    pub limit: Limit,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<Cursor>,
}

/// A page of a timeline.
pub type MarkerPage = Page<EventMarker>;
/// A page of events with all that they carry.
pub type EventPage = Page<EventRecord>;
/// A page of trigger runs.
pub type TriggerRunPage = Page<TriggerRunRecord>;

impl<T> Page<T> {
    /// Whether more records come after these.
    pub fn truncated(&self) -> bool {
        self.next.is_some()
    }

    /// Makes a page of up to one record more than the limit; the one more says that there is more.
    pub(crate) fn cut(
        mut items: Vec<T>,
        total: u64,
        limit: Limit,
        place: impl Fn(&T) -> Cursor,
    ) -> Self {
        let more = items.len() > limit.get();
        items.truncate(limit.get());
        let next = items.last().filter(|_| more).map(place);
        Self {
            items,
            total,
            limit,
            next,
        }
    }
}

/// ```
/// use runtrail_trigger::{MarkerPage, Record};
/// let text = r#"{"markers":null,"total":3,"limit":2,"truncated":true,"next":"2026-11-21T01:00:00Z/e2"}"#;
/// let page = MarkerPage::from_json(text)?;
/// assert_eq!(page.next.map(|next| next.id.to_string()), Some("e2".to_owned()));
/// # Ok::<(), runtrail_trigger::RecordError>(())
/// ```
impl<T: Record> Record for Page<T> {
    const PLURAL: &'static str = "pages";

    fn write_json(&self, out: &mut String) {
        let mut list = String::new();
        push_list(&mut list, T::PLURAL, &self.items, |out, item| {
            item.write_json(out);
        });
        out.push('{');
        out.push_str(list.strip_prefix(',').unwrap_or(&list));
        out.push_str(&format!(
            ",\"total\":{},\"limit\":{},\"truncated\":{}",
            self.total,
            self.limit.get(),
            self.truncated()
        ));
        let next = self.next.as_ref().map(ToString::to_string);
        push_text(out, "next", next.as_deref());
        out.push('}');
    }

    fn from_json(text: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::parse("the page", text)?;
        let items = fields.list(T::PLURAL)?.into_iter().map(RawJson::text);
        let items = items.map(T::from_json).collect::<Result<_, _>>()?;
        let limit = fields.number("limit")?;
        let limit = Limit::new(i64::try_from(limit).unwrap_or(i64::MAX));
        let next = fields.optional_text("next")?;
        let next = next.map(|next| next.parse()).transpose();
        Ok(Self {
            items,
            total: fields.number("total")?,
            limit: limit.map_err(|_| fields.wrong("limit", "at least 1"))?,
            next: next.map_err(|_| fields.wrong("next", "a place of the form TIME/ID"))?,
        })
    }
}
