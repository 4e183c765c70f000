//! Reading Runtrail archives: formats, ordering, quarantine.
