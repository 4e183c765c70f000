//! The rules of the workspace that a test can check; see `tests/`.
