//! The runtrail program.
