"""Reads spans back from a backend and compares them with what Python counts in the archive."""

import gzip
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def fetch(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def source(path):
    """Runs, ops, groups and tokens of an archive, exact repeats left out."""
    opener = gzip.open if path.endswith(".gz") else open
    runs, seen, sums = set(), set(), {"prompt": 0, "completion": 0}
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            runs.add(event["request_id"])
            key = (event["request_id"], event["event_id"], line)
            if key in seen or event["kind"] != "llm_usage":
                continue
            seen.add(key)
            sums["prompt"] += event["payload"].get("prompt_tokens") or 0
            sums["completion"] += event["payload"].get("completion_tokens") or 0
    return len(runs), sums


def phoenix(base):
    """Id, parent and attributes of every span."""
    spans, cursor = [], None
    while True:
        query = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = fetch(f"{base}/v1/projects/default/spans?{urllib.parse.urlencode(query)}")
        for span in page["data"]:
            context = span["context"]
            spans.append((context["trace_id"], context["span_id"], span["parent_id"], span["attributes"]))
        cursor = page.get("next_cursor")
        if not cursor:
            return spans


def mlflow(base):
    """As phoenix, trace by trace."""
    spans, token = [], None
    while True:
        body = {
            "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}],
            "max_results": 100,
        }
        page = fetch(f"{base}/api/3.0/mlflow/traces/search", body | ({"page_token": token} if token else {}))
        for info in page.get("traces", []):
            state = info.get("state")
            if state == "IN_PROGRESS":
                sys.exit(f"the trace {info['trace_id']} is still in progress")
            query = urllib.parse.urlencode({"trace_id": info["trace_id"]})
            trace = fetch(f"{base}/api/3.0/mlflow/traces/get?{query}")["trace"]
            for span in trace["spans"]:
                attributes = {pair["key"]: plain(pair["value"]) for pair in span.get("attributes", [])}
                spans.append((span["trace_id"], span["span_id"], span.get("parent_span_id") or None, attributes))
        token = page.get("next_page_token")
        if not token:
            return spans


def plain(value):
    """The value of an OTLP attribute; MLflow keeps some as JSON text."""
    if "int_value" in value:
        return int(value["int_value"])
    text = value.get("string_value")
    if text is None:
        return next(iter(value.values()), None)
    try:
        return json.loads(text)
    except ValueError:
        return text


def nested(attributes, key):
    """An attribute by its dotted name, in attributes that are flat or nested."""
    if key in attributes:
        return attributes[key]
    at = attributes
    for part in key.split("."):
        if not isinstance(at, dict) or part not in at:
            return None
        at = at[part]
    return at


def count(spans):
    ids = {(trace, span) for trace, span, _, _ in spans}
    tokens = lambda name: sum(int(nested(a, f"llm.token_count.{name}") or 0) for *_, a in spans)
    return {
        "spans": len(spans),
        "roots": sum(parent is None for _, _, parent, _ in spans),
        "orphans": sum(parent is not None and (trace, parent) not in ids for trace, _, parent, _ in spans),
        "prompt": tokens("prompt"),
        "completion": tokens("completion"),
    }


def main():
    backend, base, archive, summary_path = sys.argv[1:]
    with open(summary_path, encoding="utf-8") as file:
        summary = json.load(file)
    runs, sums = source(archive)
    wanted = {"spans": summary["spans"]["accepted"], "roots": runs, "orphans": 0} | sums
    read = {"phoenix": phoenix, "mlflow": mlflow}[backend]
    # Backends write behind the answer they give.
    for _ in range(30):
        try:
            found = count(read(base))
        except urllib.error.HTTPError as error:
            found = {"error": f"{error} {error.read()[:300]}"}
        if found == wanted:
            break
        time.sleep(2)
    print(f"{backend}: {json.dumps(found)}")
    if found != wanted:
        sys.exit(f"{backend}: wanted {json.dumps(wanted)}")


main()
