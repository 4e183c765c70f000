//! Runtrail events and spans as Parquet tables in a data lake.
