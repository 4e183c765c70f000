//! What the benchmarks read: an archive by path, or a generated one with the shapes of production.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};

/// How much of an archive is read at most: enough for figures that hold still.
const MAX_BYTES: usize = 256 << 20;
/// How much is generated where no archive is named.
const GENERATED_BYTES: usize = 64 << 20;
const CHUNK: usize = 1 << 20;

/// An archive in memory, in chunks that end between lines.
pub(crate) struct Archive {
    pub(crate) name: String,
    pub(crate) chunks: Vec<Vec<u8>>,
}

impl Archive {
    /// Reads the JSON Lines file that the command line names, or generates one.
    pub(crate) fn of_arguments() -> std::io::Result<Self> {
        // Cargo passes options of its own.
        match std::env::args()
            .skip(1)
            .find(|argument| !argument.starts_with("--"))
        {
            Some(path) => Self::read(path),
            None => Ok(Self::generated()),
        }
    }

    fn read(path: String) -> std::io::Result<Self> {
        let mut file = BufReader::new(File::open(&path)?);
        let (mut chunks, mut total) = (Vec::new(), 0);
        while total < MAX_BYTES {
            let mut chunk = Vec::with_capacity(CHUNK + (64 << 10));
            while chunk.len() < CHUNK && file.read_until(b'\n', &mut chunk)? > 0 {}
            if chunk.is_empty() {
                break;
            }
            total += chunk.len();
            chunks.push(chunk);
        }
        Ok(Self { name: path, chunks })
    }

    fn generated() -> Self {
        let mut maker = Maker {
            state: 7,
            lines: String::new(),
            chunks: Vec::new(),
            made: 0,
        };
        let mut run = 0;
        while maker.made < GENERATED_BYTES {
            run += 1;
            match maker.below(20) {
                0 => maker.agent(run),
                1 => maker.voice(run),
                2..=7 => maker.retrieval(run),
                _ => maker.webhook(run),
            }
        }
        maker.chunks.push(maker.lines.into_bytes());
        Self {
            name: "generated".to_owned(),
            chunks: maker.chunks,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }
}

const WORDS: [&str; 12] = [
    "flight",
    "reservation",
    "cancel",
    "refund",
    "certificate",
    "xin chào",
    "你好",
    "“quoted”",
    r"\n\t",
    r#"{\"k\": 1}"#,
    "https://example.invalid/a?b=c&d=e",
    "would like to change",
];

struct Maker {
    state: u64,
    lines: String,
    chunks: Vec<Vec<u8>>,
    made: usize,
}

impl Maker {
    fn below(&mut self, limit: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % limit
    }

    fn text(&mut self, words: u64) -> String {
        let words: Vec<&str> = (0..words).map(|_| WORDS[self.below(12) as usize]).collect();
        words.join(" ")
    }

    fn event(&mut self, run: u64, seq: &mut u64, kind: &str, op: &str, ctx: &str, payload: &str) {
        let start = self.lines.len();
        let op = if op.is_empty() {
            "null".to_owned()
        } else {
            format!("\"{op}\"")
        };
        let micros = self.below(1_000_000);
        let id = run.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.lines,
            r#"{{"event_id":"{id:016x}-4a1c-{seq}","request_id":"{id:016x}-4a1c","kind":"{kind}","op_name":{op},"ctx":{ctx},"timestamp":"2026-11-21T01:{:02}:{:02}.{micros:06}Z","seq":{seq},"payload":{payload}}}"#,
            *seq / 60 % 60,
            *seq % 60,
        );
        *seq += 1;
        self.made += self.lines.len() - start;
        if self.lines.len() >= CHUNK {
            self.chunks
                .push(std::mem::take(&mut self.lines).into_bytes());
        }
    }

    fn end(&mut self, outputs: &str) -> String {
        let duration = self.below(10_000_000) as f64 / 1000.0;
        format!(
            r#"{{"outputs":{outputs},"status":"ok","duration_ms":{duration},"yield_count":1,"media_refs":[]}}"#
        )
    }

    fn op(&mut self, run: u64, seq: &mut u64, name: &str, ctx: &str, inputs: &str, outputs: &str) {
        self.event(
            run,
            seq,
            "op_start",
            name,
            ctx,
            &format!(r#"{{"inputs":{inputs},"media_refs":[]}}"#),
        );
        let end = self.end(outputs);
        self.event(run, seq, "op_end", name, ctx, &end);
    }

    fn webhook(&mut self, run: u64) {
        let note = self.text(8);
        let (customer, amount) = (self.below(90_000), self.below(100_000) as f64 / 100.0);
        let inputs = format!(
            r#"{{"event":{{"id":"evt_{customer:016x}","type":"order.paid","customer":{customer},"amount":{amount},"ts":1795000000000000000,"note":"{note}"}}}}"#
        );
        let outputs = format!(
            r#"{{"customer":{{"id":{customer},"tags":[],"address":{{"city":"Hà Nội","geo":[21.0278,105.8342]}}}}}}"#
        );
        let mut seq = 0;
        for name in [
            "webhook.validate",
            "webhook.load",
            "webhook.route",
            "webhook.approve",
        ] {
            self.op(run, &mut seq, name, r#"["main"]"#, &inputs, &outputs);
        }
    }

    fn retrieval(&mut self, run: u64) {
        let mut seq = 0;
        let vector: Vec<String> = (0..64)
            .map(|_| format!("{}", self.below(1_000_000) as f64 / 1e6 - 0.5))
            .collect();
        let vector = format!(r#"{{"vec":[{}],"k":8}}"#, vector.join(","));
        self.op(
            run,
            &mut seq,
            "rag.embed",
            r#"["main"]"#,
            r#"{"q":"which baggage is free"}"#,
            &vector,
        );
        self.event(
            run,
            &mut seq,
            "op_start",
            "rag.retrieve",
            r#"["main"]"#,
            &format!(r#"{{"inputs":{vector}}}"#),
        );
        for item in 0..8 {
            let text = self.text(40);
            let ctx = format!(r#"["main","[{item}]"]"#);
            let found =
                format!(r#"{{"doc_id":"doc-{item:010x}","chunk":"{text}","score":0.{item}71828}}"#);
            let yielded = format!(r#"{{"yielded":{found},"idx":{item},"media_refs":[]}}"#);
            self.event(run, &mut seq, "op_yield", "rag.retrieve", &ctx, &yielded);
            self.op(run, &mut seq, "rag.score", &ctx, &found, r#"{"s":0.71828}"#);
            self.event(
                run,
                &mut seq,
                "annotation",
                "rag.score",
                &ctx,
                r#"{"key":"score.raw","value":0.71828}"#,
            );
        }
        let end = self.end("{}");
        self.event(run, &mut seq, "op_end", "rag.retrieve", r#"["main"]"#, &end);
    }

    fn voice(&mut self, run: u64) {
        let mut seq = 0;
        self.event(
            run,
            &mut seq,
            "group_start",
            "",
            "[]",
            r#"{"name":"turn-0"}"#,
        );
        for frame in 0..60 {
            let ctx = format!(r#"["main","[{frame}]"]"#);
            let yielded = format!(
                r#"{{"yielded":{{"pcm":{{"rms":0.4312,"n":320}},"t_ms":{},"speech":true}},"idx":{frame},"media_refs":[]}}"#,
                frame * 20
            );
            self.event(
                run,
                &mut seq,
                "op_yield",
                "callbot.microphone",
                &ctx,
                &yielded,
            );
            self.op(
                run,
                &mut seq,
                "callbot.detect",
                &ctx,
                r#"{"speech":true}"#,
                r#"{"state":"speech","eot":false}"#,
            );
        }
        self.event(
            run,
            &mut seq,
            "group_end",
            "",
            "[]",
            r#"{"name":"turn-0","status":"ok"}"#,
        );
    }

    fn agent(&mut self, run: u64) {
        let mut seq = 0;
        let mut history = format!(r#"{{"role":"system","content":"{}"}}"#, self.text(300));
        for turn in 0..12 {
            let ctx = format!(r#"["main","loop_{turn}"]"#);
            let answer = self.text(15);
            let inputs = format!(r#"{{"messages":[{history}],"user":"{turn}/0"}}"#);
            let outputs = format!(
                r#"{{"role":"assistant","content":"{answer}","tool_calls":[{{"id":"call_{turn:024x}","function":{{"name":"get_user","arguments":"{{\"id\": \"u{turn}\"}}"}}}}]}}"#
            );
            self.op(run, &mut seq, "agent.loop.llm", &ctx, &inputs, &outputs);
            let usage = format!(
                r#"{{"model":"gpt-4o-mini","prompt_tokens":{},"completion_tokens":40,"total_tokens":{},"cost_usd":0.0001362}}"#,
                900 + 300 * turn,
                940 + 300 * turn
            );
            self.event(run, &mut seq, "llm_usage", "agent.loop.act", &ctx, &usage);
            let result = self.text(60);
            let _ = write!(
                history,
                r#",{{"role":"assistant","content":"{answer}"}},{{"role":"tool","content":"{result}"}}"#
            );
        }
    }
}
