//! Every name that the mapping writes, in one place.
//!
//! The `gen_ai.*` names are in development and move between releases of their conventions; what
//! is written here is version [`MAPPING_VERSION`] of the mapping, and every span says so.

/// The version of the mapping, written on every span; raised whenever a name or its meaning changes.
pub const MAPPING_VERSION: i64 = 1;

/// The instrumentation scope.
pub const SCOPE: &str = "runtrail";

/// The schema of the GenAI conventions that the names come from.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev";

/// Names of Runtrail's own.
pub mod runtrail {
    /// The version of the mapping.
    pub const MAPPING_VERSION: &str = "runtrail.mapping.version";
    /// What a span stands for: see [`span_type`](super::span_type).
    pub const SPAN_TYPE: &str = "runtrail.span.type";
    /// The run's id.
    pub const RUN_ID: &str = "runtrail.run.id";
    /// An op's name.
    pub const OP_NAME: &str = "runtrail.op.name";
    /// An op's scope, as a list.
    pub const OP_CTX: &str = "runtrail.op.ctx";
    /// An op's number among those of its name and scope.
    pub const OP_OCCURRENCE: &str = "runtrail.op.occurrence";
    /// A group's name; on an op, that of the innermost group it ran in.
    pub const GROUP_NAME: &str = "runtrail.group.name";
    /// A group's number among those of its name.
    pub const GROUP_OCCURRENCE: &str = "runtrail.group.occurrence";
    /// The rule that found the parent.
    pub const PARENT_RULE: &str = "runtrail.parent.rule";
    /// The status: ok, error, cancelled, truncated.
    pub const STATUS: &str = "runtrail.status";
    /// Set where the stream ended before the span did.
    pub const INCOMPLETE: &str = "runtrail.incomplete";
    /// Which end of the span the stream does not hold.
    pub const MISSING: &str = "runtrail.missing";
    /// How long the engine says it took.
    pub const DURATION_MS: &str = "runtrail.duration_ms";
    /// How many spans are above it.
    pub const DEPTH: &str = "runtrail.depth";
    /// The `seq` of the first event.
    pub const SEQ: &str = "runtrail.seq";
    /// The `seq` of the event that closed it.
    pub const END_SEQ: &str = "runtrail.end_seq";
    /// The number of items yielded.
    pub const YIELD_COUNT: &str = "runtrail.yield.count";
    /// An item's index, on its event and on links to its generator.
    pub const YIELD_INDEX: &str = "runtrail.yield.index";
    /// The last item, where content is sent.
    pub const YIELD_VALUE: &str = "runtrail.yield.value";
    /// The event of an item.
    pub const YIELD: &str = "runtrail.yield";
    /// The event of a note, and the prefix of its attribute.
    pub const ANNOTATION: &str = "runtrail.annotation";
    /// A note's key, on its event.
    pub const ANNOTATION_KEY: &str = "runtrail.annotation.key";
    /// A note's value, on its event.
    pub const ANNOTATION_VALUE: &str = "runtrail.annotation.value";
    /// The event of a reference to media.
    pub const MEDIA: &str = "runtrail.media";
    /// The key of the bytes in their store.
    pub const MEDIA_HANDLE: &str = "runtrail.media.handle";
    /// The media type.
    pub const MEDIA_MIME: &str = "runtrail.media.mime";
    /// The size of the media.
    pub const MEDIA_SIZE: &str = "runtrail.media.size_bytes";
    /// A cost in US dollars.
    pub const COST_USD: &str = "runtrail.cost.usd";
    /// A call's number within its op.
    pub const LLM_INDEX: &str = "runtrail.llm.index";
    /// How many calls a span stands for.
    pub const LLM_CALLS: &str = "runtrail.llm.calls";
    /// How the times of a span came about, where they were not measured.
    pub const TIMING: &str = "runtrail.timing";
    /// Tokens sent, summed over a group or a run.
    pub const USAGE_PROMPT: &str = "runtrail.usage.prompt_tokens";
    /// Tokens received, summed over a group or a run.
    pub const USAGE_COMPLETION: &str = "runtrail.usage.completion_tokens";
    /// Tokens in all, summed over a group or a run.
    pub const USAGE_TOTAL: &str = "runtrail.usage.total_tokens";
    /// Cost, summed over a group or a run.
    pub const USAGE_COST: &str = "runtrail.usage.cost_usd";
    /// Calls that reported no cost.
    pub const USAGE_UNPRICED: &str = "runtrail.usage.calls_without_cost";
    /// Events of a run.
    pub const EVENTS: &str = "runtrail.run.events";
    /// Ops of a run or a group.
    pub const OPS: &str = "runtrail.ops";
    /// Ops of a run or a group that failed.
    pub const ERRORS: &str = "runtrail.errors";
    /// Groups of a run.
    pub const GROUPS: &str = "runtrail.run.groups";
    /// Ops that were open at the end of a run.
    pub const TRUNCATED_OPS: &str = "runtrail.run.truncated_ops";
    /// Groups that were open at the end of a run.
    pub const TRUNCATED_GROUPS: &str = "runtrail.run.truncated_groups";
    /// The prefix of what does not add up in a run, by kind.
    pub const ANOMALIES: &str = "runtrail.anomalies";
    /// Bytes of content that were left out before the mapping.
    pub const CONTENT_DROPPED: &str = "runtrail.content_dropped";
    /// What a link means; also the event of a trigger that is no run, whose names are those of links.
    pub const LINK: &str = "runtrail.link";
    /// What satisfied a trigger's condition; see
    /// [`Source::kind`](runtrail_core::link::Source::kind).
    pub const LINK_SOURCE: &str = "runtrail.link.source";
    /// The run that it was or came from.
    pub const LINK_RUN_ID: &str = "runtrail.link.run_id";
    /// The event that satisfied it.
    pub const LINK_EVENT_ID: &str = "runtrail.link.event_id";
    /// The id of what satisfied it where that is neither a run nor an event.
    pub const LINK_FROM_ID: &str = "runtrail.link.from_id";
    /// The firing of the trigger.
    pub const LINK_TRIGGER_RUN_ID: &str = "runtrail.link.trigger_run_id";
    /// The trigger.
    pub const LINK_TRIGGER_ID: &str = "runtrail.link.trigger_id";
    /// The condition.
    pub const LINK_CONDITION_ID: &str = "runtrail.link.condition_id";
    /// When it was satisfied.
    pub const LINK_AT: &str = "runtrail.link.at";
}

/// The values of [`runtrail::SPAN_TYPE`].
pub mod span_type {
    /// The run itself.
    pub const RUN: &str = "run";
    /// An op.
    pub const OP: &str = "op";
    /// A group.
    pub const GROUP: &str = "group";
    /// One of several calls of an op.
    pub const LLM: &str = "llm";
}

/// The values of [`runtrail::LINK`].
pub mod link {
    /// To the generator whose item this runs on.
    pub const YIELD: &str = "yield";
    /// To the span that the run was started in.
    pub const TRACEPARENT: &str = "traceparent";
    /// To the run that triggered this one.
    pub const TRIGGER: &str = "trigger";
}

/// Notes on a run that are read.
pub mod note {
    /// A W3C `traceparent`.
    pub const TRACEPARENT: &str = "traceparent";
    /// The workflow's name.
    pub const WORKFLOW: &str = "workflow";
    /// An op's kind in OpenInference's words, such as `TOOL`.
    pub const KIND: &str = "openinference.span.kind";
}

/// OpenTelemetry's GenAI conventions.
pub mod gen_ai {
    /// What is done.
    pub const OPERATION: &str = "gen_ai.operation.name";
    /// A call of a chat model.
    pub const CHAT: &str = "chat";
    /// A run of a workflow.
    pub const INVOKE_WORKFLOW: &str = "invoke_workflow";
    /// A call of a tool.
    pub const EXECUTE_TOOL: &str = "execute_tool";
    /// A run of an agent.
    pub const INVOKE_AGENT: &str = "invoke_agent";
    /// A retrieval.
    pub const RETRIEVAL: &str = "retrieval";
    /// The making of embeddings.
    pub const EMBEDDINGS: &str = "embeddings";
    /// The workflow's name.
    pub const WORKFLOW: &str = "gen_ai.workflow.name";
    /// The tool's name.
    pub const TOOL: &str = "gen_ai.tool.name";
    /// The agent's name.
    pub const AGENT: &str = "gen_ai.agent.name";
    /// The model.
    pub const MODEL: &str = "gen_ai.request.model";
    /// Tokens sent.
    pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    /// Tokens received.
    pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    /// What a model was given, where content is sent.
    pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    /// What a model gave back, where content is sent.
    pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
}

/// OpenTelemetry's general conventions.
pub mod otel {
    /// The type of an error.
    pub const ERROR_TYPE: &str = "error.type";
    /// The type of an error that has none.
    pub const ERROR_OTHER: &str = "_OTHER";
    /// The event of an error.
    pub const EXCEPTION: &str = "exception";
    /// The error's type.
    pub const EXCEPTION_TYPE: &str = "exception.type";
    /// The error's message.
    pub const EXCEPTION_MESSAGE: &str = "exception.message";
    /// What the spans come from.
    pub const SERVICE_NAME: &str = "service.name";
}

/// OpenInference.
pub mod openinference {
    /// The kind of a span.
    pub const KIND: &str = "openinference.span.kind";
    /// The model.
    pub const MODEL: &str = "llm.model_name";
    /// Tokens sent.
    pub const PROMPT: &str = "llm.token_count.prompt";
    /// Tokens received.
    pub const COMPLETION: &str = "llm.token_count.completion";
    /// Tokens in all.
    pub const TOTAL: &str = "llm.token_count.total";
    /// The cost.
    pub const COST: &str = "llm.cost.total";
    /// The tool.
    pub const TOOL: &str = "tool.name";
    /// What an op was given.
    pub const INPUT: &str = "input.value";
    /// Its type.
    pub const INPUT_MIME: &str = "input.mime_type";
    /// What an op gave back.
    pub const OUTPUT: &str = "output.value";
    /// Its type.
    pub const OUTPUT_MIME: &str = "output.mime_type";
    /// The type of JSON.
    pub const JSON: &str = "application/json";
}

/// Langfuse's own names.
pub mod langfuse {
    /// What kind of observation a span is.
    pub const TYPE: &str = "langfuse.observation.type";
    /// The model.
    pub const MODEL: &str = "langfuse.observation.model.name";
    /// Tokens, as a JSON object.
    pub const USAGE: &str = "langfuse.observation.usage_details";
    /// Costs, as a JSON object.
    pub const COST: &str = "langfuse.observation.cost_details";
    /// The trace's name.
    pub const TRACE_NAME: &str = "langfuse.trace.name";
}

/// MLflow's own names; values are JSON.
pub mod mlflow {
    /// The kind of a span.
    pub const TYPE: &str = "mlflow.spanType";
    /// Tokens.
    pub const USAGE: &str = "mlflow.chat.tokenUsage";
    /// Costs.
    pub const COST: &str = "mlflow.llm.cost";
}

/// LangSmith's own names.
pub mod langsmith {
    /// The kind of a span.
    pub const KIND: &str = "langsmith.span.kind";
    /// The trace's name.
    pub const TRACE_NAME: &str = "langsmith.trace.name";
}
