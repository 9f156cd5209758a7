//! The files of a log: their names, and the lines that begin and end them.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::chain::{Link, hex, parse_hex};
use crate::encode::write_rfc3339;

/// What tells one log from others.
pub(crate) type LogId = [u8; 16];

/// The path with this behind its name: `FILE.lock`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// The name of a segment that is complete: `FILE.000001`.
pub(crate) fn numbered(path: &Path, segment: u64) -> PathBuf {
    beside(path, &format!("{segment:06}"))
}

/// The numbers of the complete segments beside the file, in their order.
pub(crate) fn complete(path: &Path) -> io::Result<Vec<u64>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?.file_name();
        let entry = entry.to_string_lossy();
        let number = entry
            .strip_prefix(&*name)
            .and_then(|rest| rest.strip_prefix('.'));
        if let Some(number) = number
            && number.len() >= 6
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(number) = number.parse()
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a rename or a new file survive a crash of the machine.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder(path))?.sync_all()
    } else {
        Ok(())
    }
}

/// The same options, for a file that only its owner can read.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Whether the path leads to this very file.
pub(crate) fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let ours = file.metadata()?;
        match fs::metadata(path) {
            Ok(there) => Ok(there.dev() == ours.dev() && there.ino() == ours.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(path.exists())
    }
}

/// The body of the line that begins a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) log: LogId,
    pub(crate) segment: u64,
    /// The chain before this line.
    pub(crate) previous: Link,
}

impl Header {
    pub(crate) fn body(&self, unix_nanos: i64) -> Vec<u8> {
        control("segment", unix_nanos, |body| {
            body.insert("log".to_owned(), hex(&self.log).into());
            body.insert("segment".to_owned(), self.segment.into());
            body.insert("previous".to_owned(), hex(&self.previous).into());
        })
    }

    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let bytes = |name: &str| Some(value.get(name)?.as_str()?.as_bytes());
        if value.get("kind")? != "segment" {
            return None;
        }
        Some(Self {
            log: parse_hex(bytes("log")?)?,
            segment: value.get("segment")?.as_u64()?,
            previous: parse_hex(bytes("previous")?)?,
        })
    }
}

/// The body of the line that ends a segment.
pub(crate) fn end(unix_nanos: i64) -> Vec<u8> {
    control("end", unix_nanos, |_| {})
}

/// The body of a line that says how many records are missing here.
pub(crate) fn gap(unix_nanos: i64, dropped: u64, refused: u64) -> Vec<u8> {
    control("gap", unix_nanos, |body| {
        body.insert("dropped".to_owned(), dropped.into());
        body.insert("refused".to_owned(), refused.into());
    })
}

/// The body of a line that says that a torn tail was cut off.
pub(crate) fn repair(unix_nanos: i64, bytes: u64) -> Vec<u8> {
    control("repair", unix_nanos, |body| {
        body.insert("cut_bytes".to_owned(), bytes.into());
    })
}

/// The body of a line that says that the file of the segment before was taken away.
pub(crate) fn moved(unix_nanos: i64, segment: u64) -> Vec<u8> {
    control("moved", unix_nanos, |body| {
        body.insert("segment".to_owned(), segment.into());
    })
}

/// What sort of line a body is, if it is one of the writer's own.
pub(crate) fn kind(body: &[u8]) -> Option<&'static str> {
    ["segment", "end", "gap", "repair", "moved"]
        .into_iter()
        .find(|kind| {
            let rest = body.strip_prefix(b"{\"kind\":\"");
            rest.and_then(|rest| rest.strip_prefix(kind.as_bytes()))
                .is_some_and(|rest| rest.starts_with(b"\""))
        })
}

/// The kind stands first, whatever order `serde_json` keeps its keys in.
fn control(kind: &str, unix_nanos: i64, fill: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
    let mut fields = Map::new();
    fill(&mut fields);
    let mut out = format!("{{\"kind\":\"{kind}\",\"time\":\"").into_bytes();
    write_rfc3339(unix_nanos, &mut out);
    out.push(b'"');
    if fields.is_empty() {
        out.push(b'}');
    } else {
        out.push(b',');
        let fields = Value::Object(fields).to_string();
        out.extend_from_slice(fields.get(1..).unwrap_or_default().as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Header, end, gap, kind};

    #[test]
    fn control_lines_are_json_and_known_by_their_kind() {
        let header = Header {
            log: [1; 16],
            segment: 3,
            previous: [2; 32],
        };
        let body = header.body(0);
        assert_eq!(Header::parse(&body), Some(header));
        assert_eq!(kind(&body), Some("segment"));
        assert_eq!(kind(&end(0)), Some("end"));
        let gap = gap(0, 1, 2);
        let value: serde_json::Value = serde_json::from_slice(&gap).unwrap();
        assert_eq!(
            (&value["dropped"], &value["refused"]),
            (&1.into(), &2.into())
        );
        assert_eq!(kind(br#"{"kind":"request"}"#), None);
        assert_eq!(Header::parse(&gap), None);
    }
}
