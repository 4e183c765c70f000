//! Tests of the archive reader on real files.
