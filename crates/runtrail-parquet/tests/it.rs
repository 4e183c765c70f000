//! Tests of the lake exporter.
