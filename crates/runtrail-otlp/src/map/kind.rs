//! What kind of step an op is, in the words of GenAI and of OpenInference.

use runtrail_core::json::RawJson;
use runtrail_core::span::SpanRecord;

use super::attrs::Attrs;
use crate::names::{gen_ai, note, openinference};

/// What kind of step a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Llm,
    Chain,
    Agent,
    Tool,
    Retriever,
    Embedding,
    Reranker,
    Guardrail,
    Evaluator,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Llm,
        Self::Chain,
        Self::Agent,
        Self::Tool,
        Self::Retriever,
        Self::Embedding,
        Self::Reranker,
        Self::Guardrail,
        Self::Evaluator,
    ];

    /// The kind of an op: what its note says, else LLM where it called one, else CHAIN.
    pub(super) fn of(record: &SpanRecord) -> Self {
        let noted = record.annotations.iter().rev();
        let noted = noted
            .filter(|noted| &*noted.key == note::KIND)
            .find_map(|noted| {
                let name = RawJson::parse(&noted.value)?.as_str()?;
                Self::ALL
                    .into_iter()
                    .find(|kind| kind.as_str().eq_ignore_ascii_case(&name))
            });
        noted.unwrap_or(if record.usage.calls == 1 {
            Self::Llm
        } else {
            Self::Chain
        })
    }

    /// OpenInference's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "LLM",
            Self::Chain => "CHAIN",
            Self::Agent => "AGENT",
            Self::Tool => "TOOL",
            Self::Retriever => "RETRIEVER",
            Self::Embedding => "EMBEDDING",
            Self::Reranker => "RERANKER",
            Self::Guardrail => "GUARDRAIL",
            Self::Evaluator => "EVALUATOR",
        }
    }

    /// Writes the kind of an op that is no call of a chat model.
    pub(super) fn describe<'a>(self, op_name: &'a str, attrs: &mut Attrs<'a>) {
        attrs.push(openinference::KIND, self.as_str());
        match self {
            Self::Tool => {
                attrs.push(gen_ai::OPERATION, gen_ai::EXECUTE_TOOL);
                attrs.push(gen_ai::TOOL, op_name);
                attrs.push(openinference::TOOL, op_name);
            }
            Self::Agent => {
                attrs.push(gen_ai::OPERATION, gen_ai::INVOKE_AGENT);
                attrs.push(gen_ai::AGENT, op_name);
            }
            Self::Retriever => attrs.push(gen_ai::OPERATION, gen_ai::RETRIEVAL),
            Self::Embedding => attrs.push(gen_ai::OPERATION, gen_ai::EMBEDDINGS),
            _ => {}
        }
    }
}
