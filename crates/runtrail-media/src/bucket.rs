//! Media in an object store.

use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload};
use runtrail_core::export::ExportError;
use runtrail_core::pipeline::MediaStore;
use tokio::runtime::Runtime;

use crate::place::place;

/// How long one question or one upload may take, with all the attempts that the store makes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Keeps media in an object store.
///
/// It has a runtime of its own, so that it works wherever the program does. A store that does not
/// answer for two minutes has failed.
#[derive(Debug)]
pub struct MediaBucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl MediaBucket {
    /// Keeps media under a prefix of a store.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: impl Into<Path>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            store,
            prefix: prefix.into(),
            runtime: Some(runtime),
        })
    }
}

impl Drop for MediaBucket {
    /// Waits for nothing: a runtime that is dropped as any value is panics inside of another.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl MediaStore for MediaBucket {
    fn name(&self) -> &'static str {
        "bucket"
    }

    fn put(&mut self, handle: &str, bytes: &[u8], _mime: &str) -> Result<(), ExportError> {
        let (shard, name) = place(handle)?;
        let path = self.prefix.clone().join(shard).join(name);
        let put = async {
            match self.store.head(&path).await {
                Ok(found) if found.size == bytes.len() as u64 => return Ok(()),
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            let payload = PutPayload::from(bytes.to_vec());
            self.store.put(&path, payload).await.map(drop)
        };
        let timed = async { tokio::time::timeout(PATIENCE, put).await };
        let Some(runtime) = &self.runtime else {
            return Err(ExportError::permanent("the store is closed"));
        };
        let stored = runtime.block_on(timed);
        match stored {
            Ok(Ok(())) => Ok(()),
            // Errors of stores may show addresses, and these may be signed.
            Ok(Err(error)) => {
                Err(ExportError::permanent(format!("cannot store {path}")).with_source(error))
            }
            Err(_) => Err(ExportError::permanent(format!(
                "cannot store {path}: no answer in {} s",
                PATIENCE.as_secs()
            ))),
        }
    }
}
