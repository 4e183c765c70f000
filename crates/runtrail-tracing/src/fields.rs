//! The fields of a span or an event, sorted into what means something and the rest.

use std::error::Error;
use std::fmt::{self, Write};

use runtrail_core::emit::LlmUsage;
use tracing::field::{Field, Visit};

use crate::value::{Object, Value};

/// How much of a span or an event is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fields of a span, those recorded later among them, and of an event. tracing allows 32 at once.
    pub fields: usize,
    /// Bytes of a text value; a longer one is cut at a character, with `…` behind it.
    pub value_bytes: usize,
    /// Errors that are followed from one to its source.
    pub sources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fields: 64,
            value_bytes: 16 << 10,
            sources: 16,
        }
    }
}

/// What an LLM call used, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    model: Option<String>,
    asked_model: Option<String>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    cost_usd: Option<f64>,
}

impl Usage {
    /// Whether anything is known of what was used; a model alone is no usage.
    pub(crate) fn is_some(&self) -> bool {
        let tokens = [
            self.prompt_tokens,
            self.completion_tokens,
            self.total_tokens,
        ];
        tokens.iter().any(Option::is_some) || self.cost_usd.is_some()
    }

    /// Takes over what somebody says later, where they say something.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.model = later.model.or(self.model.take());
        self.asked_model = later.asked_model.or(self.asked_model.take());
        self.prompt_tokens = later.prompt_tokens.or(self.prompt_tokens);
        self.completion_tokens = later.completion_tokens.or(self.completion_tokens);
        self.total_tokens = later.total_tokens.or(self.total_tokens);
        self.cost_usd = later.cost_usd.or(self.cost_usd);
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref().or(self.asked_model.as_deref())
    }

    /// What is recorded; a model that is not known here may be known from the span around.
    pub(crate) fn as_llm<'a>(&'a self, around: &'a Self) -> LlmUsage<'a> {
        LlmUsage {
            model: self.model().or(around.model()).unwrap_or_default(),
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
            total_tokens: self.total_tokens,
            cost_usd: self.cost_usd,
        }
    }
}

/// The fields of a span or an event.
#[derive(Debug)]
pub(crate) struct Fields {
    limits: Limits,
    left: usize,
    /// What means nothing of its own.
    pub(crate) rest: Object,
    pub(crate) usage: Usage,
    pub(crate) run: Option<String>,
    /// The name of a group, empty for that of the span.
    pub(crate) group: Option<String>,
    /// What went wrong: the field `error`.
    pub(crate) error: Option<String>,
    pub(crate) message: Option<String>,
}

impl Fields {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            left: limits.fields,
            rest: Object::default(),
            usage: Usage::default(),
            run: None,
            group: None,
            error: None,
            message: None,
        }
    }

    fn take(&mut self, field: &Field, value: Value) {
        let usage = &mut self.usage;
        match field.name() {
            "gen_ai.usage.input_tokens" | "gen_ai.usage.prompt_tokens" => {
                usage.prompt_tokens = value.tokens();
            }
            "gen_ai.usage.output_tokens" | "gen_ai.usage.completion_tokens" => {
                usage.completion_tokens = value.tokens();
            }
            "gen_ai.usage.total_tokens" => usage.total_tokens = value.tokens(),
            "gen_ai.usage.cost" | "gen_ai.usage.cost_usd" => usage.cost_usd = value.float(),
            "runtrail.run" => self.run = Some(value.into_text()),
            "runtrail.group" => match value {
                Value::Bool(is_group) => self.group = is_group.then(String::new),
                name => self.group = Some(name.into_text()),
            },
            "message" => self.message = Some(value.into_text()),
            name => {
                match name {
                    "gen_ai.request.model" => usage.asked_model = Some(value.clone().into_text()),
                    "gen_ai.response.model" => usage.model = Some(value.clone().into_text()),
                    "error" if value != Value::Bool(false) => {
                        self.error = Some(value.clone().into_text());
                    }
                    _ => {}
                }
                self.keep(name, value);
            }
        }
    }

    /// Takes over what was recorded later; the name of a group and of a run stay what they were.
    pub(crate) fn absorb(&mut self, later: Self) {
        for (name, value) in later.rest.0 {
            self.keep(name, value);
        }
        self.usage.absorb(later.usage);
        self.error = self.error.take().or(later.error);
    }

    /// Keeps a field among the rest; one that is recorded again has its last value.
    fn keep(&mut self, name: &'static str, value: Value) {
        let fields = &mut self.rest.0;
        if let Some((_, known)) = fields.iter_mut().find(|(known, _)| *known == name) {
            *known = value;
        } else if self.left > 0 {
            self.left -= 1;
            fields.push((name, value));
        }
    }

    fn text(&self, write: impl FnOnce(&mut Cut) -> fmt::Result) -> Value {
        let mut cut = Cut {
            text: String::new(),
            left: self.limits.value_bytes,
        };
        // The only error is that the text is full.
        if write(&mut cut).is_err() {
            cut.text.push('…');
        }
        Value::Text(cut.text)
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, Value::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, Value::U64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = self.text(|cut| cut.write_str(value));
        self.take(field, text);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let sources = self.limits.sources;
        let text = self.text(|cut| {
            write!(cut, "{value}")?;
            let mut source = value.source();
            for _ in 0..sources {
                let Some(error) = source else { break };
                write!(cut, ": {error}")?;
                source = error.source();
            }
            Ok(())
        });
        self.take(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = self.text(|cut| write!(cut, "{value:?}"));
        self.take(field, text);
    }
}

/// Takes so many bytes of text, and fails beyond.
struct Cut {
    text: String,
    left: usize,
}

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut end = text.len().min(self.left);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
        if end < text.len() {
            self.left = 0;
            return Err(fmt::Error);
        }
        self.left -= end;
        Ok(())
    }
}
