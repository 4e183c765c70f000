//! The contract of stores, kept by both.

mod memory {
    runtrail_trigger::contract_tests!(|_folder| runtrail_trigger::MemoryStore::default());
}

mod sqlite {
    use runtrail_trigger::{SqliteSettings, SqliteStore};
    use std::path::Path;

    fn store(folder: &Path) -> SqliteStore {
        SqliteStore::open(folder.join("store"), SqliteSettings::default()).unwrap()
    }

    runtrail_trigger::contract_tests!(store);
}
