-- Times are microseconds since the epoch (ts) and the nanoseconds beyond them (ns).

CREATE TABLE codes (
    code_id INTEGER PRIMARY KEY,
    code    TEXT NOT NULL UNIQUE,
    events  INTEGER NOT NULL
);

-- What never changes about an event. Rows are appended, and read one by one.
CREATE TABLE events (
    event_key  INTEGER PRIMARY KEY,
    event_id   TEXT NOT NULL,
    ts         INTEGER NOT NULL,
    ns         INTEGER NOT NULL,
    code_id    INTEGER NOT NULL,
    request_id TEXT,
    payload    TEXT NOT NULL,
    extra      TEXT
);
CREATE UNIQUE INDEX events_by_id ON events (event_id);
-- Events of one time are few: their order is made when they are read, which keeps these narrow.
CREATE INDEX events_by_code ON events (code_id, ts);
CREATE INDEX events_by_run ON events (request_id, ts) WHERE request_id IS NOT NULL;

-- The timeline: narrow rows in the order of time, so that looking through it reads no payload.
CREATE TABLE markers (
    ts        INTEGER NOT NULL,
    ns        INTEGER NOT NULL,
    event_id  TEXT NOT NULL,
    code_id   INTEGER NOT NULL,
    matched   INTEGER NOT NULL,
    triggered INTEGER NOT NULL,
    event_key INTEGER NOT NULL,
    PRIMARY KEY (ts, ns, event_id)
) WITHOUT ROWID;
-- Both kinds are rare among many events; their counterparts are found in the table itself.
CREATE INDEX markers_matched ON markers (ts, ns, event_id, code_id, triggered) WHERE matched = 1;
CREATE INDEX markers_triggered ON markers (ts, ns, event_id, code_id, matched) WHERE triggered = 1;

-- How many markers there are in stretches of time of three lengths, so that nobody counts them.
CREATE TABLE counts (
    level     INTEGER NOT NULL,
    bucket    INTEGER NOT NULL,
    events    INTEGER NOT NULL,
    matched   INTEGER NOT NULL,
    triggered INTEGER NOT NULL,
    PRIMARY KEY (level, bucket)
) WITHOUT ROWID;

CREATE TABLE event_conditions (
    event_key    INTEGER NOT NULL,
    valid        INTEGER NOT NULL,
    condition_id TEXT NOT NULL,
    PRIMARY KEY (event_key, valid, condition_id)
) WITHOUT ROWID;

-- state: 0 pending, 1 started (text is the run), 2 abandoned (text is the reason).
CREATE TABLE trigger_runs (
    run_key        INTEGER PRIMARY KEY,
    trigger_run_id TEXT NOT NULL UNIQUE,
    trigger_id     TEXT NOT NULL,
    ts             INTEGER NOT NULL,
    ns             INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    outcome        TEXT,
    done_ts        INTEGER,
    done_ns        INTEGER,
    last_ts        INTEGER NOT NULL,
    last_ns        INTEGER NOT NULL,
    extra          TEXT
);
CREATE INDEX runs_by_time ON trigger_runs (ts, ns, trigger_run_id);
CREATE INDEX runs_by_trigger ON trigger_runs (trigger_id, ts, ns, trigger_run_id);
CREATE INDEX runs_started ON trigger_runs (outcome) WHERE state = 1;
CREATE INDEX runs_pending ON trigger_runs (ts, ns, trigger_run_id) WHERE state = 0;
CREATE INDEX runs_over ON trigger_runs (last_ts, last_ns, trigger_run_id) WHERE state <> 0;

-- kind and source_id are what satisfied the condition; request_id is the run that it is or that it
-- came from.
CREATE TABLE participants (
    run_key      INTEGER NOT NULL,
    place        INTEGER NOT NULL,
    condition_id TEXT NOT NULL,
    kind         TEXT NOT NULL,
    source_id    TEXT NOT NULL,
    request_id   TEXT,
    ts           INTEGER NOT NULL,
    ns           INTEGER NOT NULL,
    extra        TEXT,
    PRIMARY KEY (run_key, place)
) WITHOUT ROWID;
CREATE INDEX participants_by_source ON participants (kind, source_id);
CREATE INDEX participants_by_run ON participants (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX participants_by_condition ON participants (condition_id);

-- condition_key is condition_id, or empty where there is none. loose: comes from no recorded event.
CREATE TABLE links (
    kind           TEXT NOT NULL,
    source_id      TEXT NOT NULL,
    to_request_id  TEXT NOT NULL,
    condition_key  TEXT NOT NULL,
    condition_id   TEXT,
    request_id     TEXT,
    trigger_run_id TEXT,
    trigger_id     TEXT,
    ts             INTEGER NOT NULL,
    ns             INTEGER NOT NULL,
    loose          INTEGER NOT NULL,
    PRIMARY KEY (kind, source_id, to_request_id, condition_key)
) WITHOUT ROWID;
CREATE INDEX links_to ON links (to_request_id, ts, ns);
CREATE INDEX links_from_run ON links (request_id, ts, ns) WHERE request_id IS NOT NULL;
CREATE INDEX links_loose ON links (kind, source_id) WHERE loose = 1;
CREATE INDEX links_loose_by_run ON links (trigger_run_id) WHERE loose = 1;
