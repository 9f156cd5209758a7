//! Creation of the file of a segment.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::{
    chain::Chain,
    control::{Control, Header},
    files::{is_empty, private, sync_folder},
};

/// Creates the file of a segment, with its first lines. A failed attempt leaves no file.
pub(crate) fn create_file(
    path: &Path,
    chain: &mut Chain,
    header: Header,
    note: Option<&Control>,
    buffer: &mut Vec<u8>,
) -> io::Result<File> {
    buffer.clear();
    chain.append(&Control::Segment(header).to_body(), buffer);
    if let Some(note) = note {
        chain.append(&note.to_body(), buffer);
    }
    if is_empty(path)? && path.try_exists()? {
        // Left by an interrupted attempt.
        fs::remove_file(path)?;
    }
    let mut file = private(OpenOptions::new().append(true).create_new(true)).open(path)?;
    let written = file.write_all(buffer).and_then(|()| file.sync_all());
    match written.and_then(|()| sync_folder(path)) {
        Ok(()) => Ok(file),
        Err(error) => {
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}
