//! Generators, capturing exporters and the exporter conformance suite for Runtrail.
