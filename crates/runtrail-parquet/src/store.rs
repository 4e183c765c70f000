//! Making staged files visible: on local disk by a rename, in an object store by an upload.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Runtime;

use crate::error::LakeError;

/// Bytes that are uploaded at a time.
const UPLOAD_PART: usize = 8 << 20;

/// Where a lake is.
pub(crate) enum Store {
    Local(PathBuf),
    Object(ObjectLake),
}

pub(crate) struct ObjectLake {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    /// Private, so that nothing depends on what the caller runs on.
    runtime: Runtime,
}

/// What became of a file that only one writer may create.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Created {
    Yes,
    /// Another one is there.
    Exists,
}

impl Store {
    pub(crate) fn local(root: &Path) -> Result<Self, LakeError> {
        match fs::metadata(root) {
            Ok(meta) if !meta.is_dir() => Err(LakeError::NotAFolder {
                path: root.to_owned(),
            }),
            _ => {
                create_dirs(root).map_err(|source| write_error(root, source))?;
                Ok(Self::Local(root.to_owned()))
            }
        }
    }

    pub(crate) fn object(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, LakeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|source| LakeError::Write {
                path: prefix.into(),
                source,
            })?;
        Ok(Self::Object(ObjectLake {
            store,
            prefix: Key::from(prefix),
            runtime,
        }))
    }

    /// Makes a staged, durable file visible whole, in place of one of the same name.
    pub(crate) fn publish(&self, staged: &Path, path: &str) -> Result<(), LakeError> {
        match self {
            Self::Local(root) => {
                let target = root.join(path);
                publish_local(staged, &target).map_err(|source| write_error(&target, source))
            }
            Self::Object(lake) => {
                lake.upload(staged, path)?;
                fs::remove_file(staged).map_err(|source| write_error(staged, source))
            }
        }
    }

    /// Writes a small file that must not exist yet.
    pub(crate) fn create(
        &self,
        work: &Path,
        path: &str,
        content: &str,
    ) -> Result<Created, LakeError> {
        match self {
            Self::Local(root) => {
                let target = root.join(path);
                create_local(work, &target, content).map_err(|source| write_error(&target, source))
            }
            Self::Object(lake) => lake.create(path, content),
        }
    }

    /// Removes a file; one that is not there is removed already.
    pub(crate) fn remove(&self, path: &str) -> Result<(), LakeError> {
        match self {
            Self::Local(root) => {
                let target = root.join(path);
                remove_file(&target).map_err(|source| write_error(&target, source))
            }
            Self::Object(lake) => match lake.block_on(path, lake.store.delete(&lake.key(path))) {
                Err(LakeError::Store {
                    source: object_store::Error::NotFound { .. },
                    ..
                }) => Ok(()),
                removed => removed,
            },
        }
    }

    /// Reads the small files of a folder, in the order of their names; none where there is no folder.
    pub(crate) fn read_folder(&self, path: &str) -> Result<Vec<(String, String)>, LakeError> {
        match self {
            Self::Local(root) => {
                let folder = root.join(path);
                read_local(&folder).map_err(|source| write_error(&folder, source))
            }
            Self::Object(lake) => lake.read_folder(path),
        }
    }
}

impl ObjectLake {
    fn key(&self, path: &str) -> Key {
        path.split('/').fold(self.prefix.clone(), Key::join)
    }

    fn upload(&self, staged: &Path, path: &str) -> Result<(), LakeError> {
        use std::io::Read;
        let mut file = File::open(staged).map_err(|source| write_error(staged, source))?;
        let mut upload = self.block_on(path, self.store.put_multipart(&self.key(path)))?;
        let mut part = Vec::new();
        loop {
            part.clear();
            let read = file
                .by_ref()
                .take(UPLOAD_PART as u64)
                .read_to_end(&mut part);
            if read.map_err(|source| write_error(staged, source))? == 0 {
                break;
            }
            self.block_on(path, upload.put_part(PutPayload::from(part.clone())))?;
        }
        self.block_on(path, upload.complete()).map(|_| ())
    }

    fn create(&self, path: &str, content: &str) -> Result<Created, LakeError> {
        let options = PutOptions::from(PutMode::Create);
        let key = self.key(path);
        let put = self
            .store
            .put_opts(&key, PutPayload::from(content.to_owned()), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(Created::Yes),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::Exists),
            Err(source) => Err(LakeError::Store {
                key: path.to_owned(),
                source,
            }),
        }
    }

    fn read_folder(&self, path: &str) -> Result<Vec<(String, String)>, LakeError> {
        let listed = self.block_on(path, self.store.list_with_delimiter(Some(&self.key(path))))?;
        let mut files = Vec::new();
        for object in listed.objects {
            let name = object.location.filename().unwrap_or_default().to_owned();
            let bytes = self.block_on(path, async {
                self.store.get(&object.location).await?.bytes().await
            })?;
            files.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
        files.sort_unstable();
        Ok(files)
    }

    fn block_on<T>(
        &self,
        path: &str,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, LakeError> {
        self.runtime
            .block_on(call)
            .map_err(|source| LakeError::Store {
                key: path.to_owned(),
                source,
            })
    }
}

fn write_error(path: &Path, source: io::Error) -> LakeError {
    LakeError::Write {
        path: path.to_owned(),
        source,
    }
}

/// A rename is durable once the folder that holds the name is.
fn publish_local(staged: &Path, target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(target);
    create_dirs(folder)?;
    fs::rename(staged, target)?;
    sync_dir(folder)
}

/// A hard link is the one way to give a whole file a name only if nothing has it.
fn create_local(work: &Path, target: &Path, content: &str) -> io::Result<Created> {
    use std::io::Write;
    let folder = target.parent().unwrap_or(target);
    create_dirs(folder)?;
    let staged = work.join("record.staged");
    let mut file = File::create(&staged)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    let created = match fs::hard_link(&staged, target) {
        Ok(()) => Created::Yes,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Created::Exists,
        Err(error) => return Err(error),
    };
    fs::remove_file(&staged)?;
    sync_dir(folder)?;
    Ok(created)
}

fn read_local(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((
                name,
                String::from_utf8_lossy(&fs::read(entry.path())?).into_owned(),
            ));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Creates a folder and those above it, each durable in the one that holds it.
pub(crate) fn create_dirs(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        create_dirs(above)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) => return Err(error),
    }
    match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => sync_dir(above),
        _ => sync_dir(Path::new(".")),
    }
}

/// Removes a file for good; one that is not there is removed already.
pub(crate) fn remove_file(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => file.parent().map_or(Ok(()), sync_dir),
    }
}

pub(crate) fn sync_dir(folder: &Path) -> io::Result<()> {
    // Windows has no folder handles to sync; a rename there is as durable as it gets.
    if cfg!(windows) {
        Ok(())
    } else {
        File::open(folder)?.sync_all()
    }
}
