//! Names of backends' own.

use std::borrow::Cow;

use super::attrs::Attrs;
use super::kind::Kind;
use super::llm::Figures;
use super::{MapSettings, Overlay};
use crate::names::{langfuse, langsmith, mlflow};

/// Writes what the overlays say of a span.
pub(super) fn span<'a>(
    settings: &MapSettings,
    kind: Kind,
    call: Option<Figures<'a>>,
    attrs: &mut Attrs<'a>,
) {
    for overlay in &settings.overlays {
        match overlay {
            Overlay::Langfuse => {
                attrs.push(langfuse::TYPE, langfuse_type(kind));
                if let Some(call) = call {
                    attrs.push_some(langfuse::MODEL, call.model);
                    attrs.push_some(langfuse::USAGE, usage(call, ["input", "output", "total"]));
                    attrs.push_some(langfuse::COST, cost(call, "total"));
                }
            }
            Overlay::Mlflow => {
                attrs.push(mlflow::TYPE, format!("\"{}\"", mlflow_type(kind)));
                if let Some(call) = call {
                    let names = ["input_tokens", "output_tokens", "total_tokens"];
                    attrs.push_some(mlflow::USAGE, usage(call, names));
                    attrs.push_some(mlflow::COST, cost(call, "total_cost"));
                }
            }
            Overlay::Langsmith => attrs.push(langsmith::KIND, langsmith_kind(kind)),
        }
    }
}

/// Writes what the overlays say of the root.
pub(super) fn root<'a>(settings: &MapSettings, name: Option<&Cow<'a, str>>, attrs: &mut Attrs<'a>) {
    span(settings, Kind::Chain, None, attrs);
    for overlay in &settings.overlays {
        match overlay {
            Overlay::Langfuse => attrs.push_some(langfuse::TRACE_NAME, name.cloned()),
            Overlay::Langsmith => attrs.push_some(langsmith::TRACE_NAME, name.cloned()),
            Overlay::Mlflow => {}
        }
    }
}

fn usage(call: Figures<'_>, names: [&str; 3]) -> Option<String> {
    let counts = [call.prompt, call.completion, call.total];
    let known = names.into_iter().zip(counts);
    let known = known.filter_map(|(name, count)| Some(format!("\"{name}\":{}", count?)));
    object(&known.collect::<Vec<_>>())
}

fn cost(call: Figures<'_>, name: &str) -> Option<String> {
    let cost = call.cost.filter(|cost| cost.is_finite());
    object(cost.map(|cost| format!("\"{name}\":{cost}")).as_slice())
}

fn object(fields: &[String]) -> Option<String> {
    (!fields.is_empty()).then(|| format!("{{{}}}", fields.join(",")))
}

fn langfuse_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Llm => "generation",
        Kind::Agent => "agent",
        Kind::Tool => "tool",
        Kind::Retriever | Kind::Reranker => "retriever",
        Kind::Embedding => "embedding",
        Kind::Guardrail => "guardrail",
        Kind::Evaluator => "evaluator",
        Kind::Chain => "chain",
    }
}

fn mlflow_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Llm => "CHAT_MODEL",
        other => other.as_str(),
    }
}

fn langsmith_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Llm => "llm",
        Kind::Tool => "tool",
        Kind::Retriever | Kind::Reranker => "retriever",
        Kind::Embedding => "embedding",
        _ => "chain",
    }
}
