//! What the mapping goes by.

/// Which content is sent: what ops were given and gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Content {
    /// What ops were given.
    pub inputs: bool,
    /// What ops gave back, and the last item of generators.
    pub outputs: bool,
}

impl Content {
    /// Sends none, which is the default.
    pub const NONE: Self = Self {
        inputs: false,
        outputs: false,
    };
    /// Sends all.
    pub const ALL: Self = Self {
        inputs: true,
        outputs: true,
    };
}

/// Names of a backend's own, on top of the common ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overlay {
    /// Langfuse.
    Langfuse,
    /// MLflow.
    Mlflow,
    /// LangSmith.
    Langsmith,
}

impl Overlay {
    /// Reads the name of an overlay.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "langfuse" => Self::Langfuse,
            "mlflow" => Self::Mlflow,
            "langsmith" => Self::Langsmith,
            _ => return None,
        })
    }
}

/// How much a span may hold. What is left out is counted on the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapLimits {
    /// Bytes of a value; a longer one is cut at a character and says how long it was.
    pub value_bytes: usize,
    /// Bytes of a status message.
    pub message_bytes: usize,
    /// Attributes of a span; Runtrail's come first.
    pub attributes: usize,
    /// Events of a span.
    pub events: usize,
    /// Links of a span.
    pub links: usize,
    /// Runs that may be open at once before nothing is remembered of more of them: these are not named
    /// after their ops.
    pub open_runs: usize,
}

impl Default for MapLimits {
    /// What OpenTelemetry's SDKs allow in number, and 64 KiB a value, which most backends take.
    fn default() -> Self {
        Self {
            value_bytes: 64 << 10,
            message_bytes: 1 << 10,
            attributes: 128,
            events: 128,
            links: 128,
            open_runs: 100_000,
        }
    }
}

impl MapLimits {
    /// Values of at most 2 KiB, which is where Tempo cuts them on its own.
    pub fn tempo() -> Self {
        Self {
            value_bytes: 2 << 10,
            ..Self::default()
        }
    }
}

/// What the mapping goes by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MapSettings {
    /// The namespace of ids: runs with the same id in two namespaces are two traces. It must be the
    /// one of the fold.
    pub namespace: String,
    /// Which content is sent.
    pub content: Content,
    /// Names of backends' own.
    pub overlays: Vec<Overlay>,
    /// How much a span may hold.
    pub limits: MapLimits,
}
