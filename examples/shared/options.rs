//! The flags of the example servers.

use std::{net::SocketAddr, process::ExitCode};

use super::layers::Layers;

const FLAGS: &str = "flags:
  --stdio             serve one client on standard input and output
  --http ADDR:PORT    serve MCP at /mcp; port 0 takes a free port
  --bare              put no layers around the server
  --with LAYER,...    put only these around it; without it, all are there
  --help              show this";

pub(crate) struct Options {
    pub(crate) transport: Transport,
    /// `None` for a bare server.
    pub(crate) layers: Option<Layers>,
}

#[derive(Clone, Copy)]
pub(crate) enum Transport {
    Http(SocketAddr),
    Stdio,
}

impl Options {
    /// Reads the command line. `own` takes the flags that only one server has, and says whether it
    /// knows the one that it is given.
    ///
    /// # Errors
    /// The exit code, after the help or the problem has been printed.
    pub(crate) fn read(program: &str, own: impl FnMut(&str) -> bool) -> Result<Self, ExitCode> {
        match Self::parse(std::env::args().skip(1), own) {
            Ok(Some(options)) => Ok(options),
            Ok(None) => {
                println!("{}", usage(program));
                Err(ExitCode::SUCCESS)
            }
            Err(problem) => {
                eprintln!("{program}: {problem}\n\n{}", usage(program));
                Err(ExitCode::from(2))
            }
        }
    }

    /// `None` says that help is asked for.
    fn parse(
        mut arguments: impl Iterator<Item = String>,
        mut own: impl FnMut(&str) -> bool,
    ) -> Result<Option<Self>, String> {
        let (mut transport, mut with, mut bare) = (None, None, false);
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{flag} needs a value"));
            match flag.as_str() {
                "--help" => return Ok(None),
                "--stdio" => transport = Some(Transport::Stdio),
                "--http" => {
                    let value = value()?;
                    let address = value.parse();
                    let address = address.map_err(|_| format!("not an address: {value:?}"))?;
                    transport = Some(Transport::Http(address));
                }
                "--bare" => bare = true,
                "--with" => with = Some(Layers::parse(&value()?)?),
                other if own(other) => {}
                other => return Err(format!("unknown flag {other:?}")),
            }
        }
        if bare && with.is_some() {
            return Err("--bare and --with exclude each other".to_owned());
        }
        Ok(Some(Self {
            transport: transport.ok_or("either --stdio or --http is needed")?,
            layers: (!bare).then(|| with.unwrap_or_else(Layers::all)),
        }))
    }
}

fn usage(program: &str) -> String {
    let layers: Vec<_> = Layers::names().collect();
    let layers = layers.join(", ");
    format!(
        "usage: {program} --stdio|--http ADDR:PORT [--bare|--with LAYER,...]\n\n\
         {FLAGS}\n\n\
         layers, from the outermost to the innermost: {layers}"
    )
}
