//! Nothing but tests: see `tests/models.rs`.
