//! What ops were given and gave back, where it is sent.

use runtrail_core::json::push_string;
use runtrail_core::span::SpanRecord;

use super::Content;
use super::attrs::Attrs;
use crate::names::{gen_ai, openinference};

/// Writes the content of an op; of a call of a model also as messages.
pub(super) fn describe<'a>(
    record: &'a SpanRecord,
    content: Content,
    is_call: bool,
    attrs: &mut Attrs<'a>,
) {
    if let Some(inputs) = record.inputs.as_deref().filter(|_| content.inputs) {
        attrs.push(openinference::INPUT, inputs);
        attrs.push(openinference::INPUT_MIME, openinference::JSON);
        if is_call {
            attrs.push(gen_ai::INPUT_MESSAGES, message("user", inputs));
        }
    }
    if let Some(outputs) = record.outputs.as_deref().filter(|_| content.outputs) {
        attrs.push(openinference::OUTPUT, outputs);
        attrs.push(openinference::OUTPUT_MIME, openinference::JSON);
        if is_call {
            attrs.push(gen_ai::OUTPUT_MESSAGES, message("assistant", outputs));
        }
    }
}

/// One message of one part. What an op is given has no fixed form, so it is a part's text as it is.
fn message(role: &str, text: &str) -> String {
    let mut json = format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"#);
    push_string(&mut json, text);
    json.push_str("}]}]");
    json
}
