//! The flags of the example servers.

use std::{net::SocketAddr, num::NonZeroUsize, process::ExitCode};

use super::{config::Config, layers, settings::Settings};

const FLAGS: &str = "flags:
  --stdio             serve one client on standard input and output
  --http ADDR:PORT    serve MCP at /mcp; port 0 takes a free port
  --bare              put no layers around the server
  --max-in-flight N   answer 503 to HTTP requests beyond N at once
  --with LAYER,...    put only these around it; without it, all but those with a * are there
  --config FILE       take the layers from these settings (TOML), and again on SIGHUP; variables such
                      as MCP_LAYERS_TIMEOUT__MAXIMUM win over it; excludes the flags of layers
  --check-config      print the settings in force, with secrets as references, and end
  --help              show this";

pub(crate) struct Options {
    pub(crate) transport: Transport,
    /// The most HTTP requests at once.
    pub(crate) max_in_flight: Option<NonZeroUsize>,
    /// `None` for a bare server.
    pub(crate) settings: Option<Settings>,
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
            Ok(Some(parsed)) => parsed.with_config(program),
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
    ) -> Result<Option<Parsed>, String> {
        let (mut transport, mut bare, mut with) = (None, false, false);
        let (mut config, mut check) = (None, false);
        let mut max_in_flight = None;
        let mut settings = Settings::new();
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
                "--max-in-flight" => {
                    let value = value()?;
                    let max = value.parse();
                    let max = max.map_err(|_| format!("not a number above zero: {value:?}"))?;
                    max_in_flight = Some(max);
                }
                "--bare" => bare = true,
                "--config" => config = Some(value()?),
                "--check-config" => check = true,
                "--with" => {
                    with = true;
                    settings.choose(&value()?)?;
                }
                other if own(other) => {}
                other => {
                    let flag = layers::flags().find(|flag| flag.name == other);
                    let flag = flag.ok_or_else(|| format!("unknown flag {other:?}"))?;
                    settings.set(flag, value()?);
                }
            }
        }
        if bare && with {
            return Err("--bare and --with exclude each other".to_owned());
        }
        let chosen = [(bare, "--bare"), (with, "--with")];
        let chosen = chosen.iter().find(|(given, _)| *given);
        let chosen = chosen.map(|(_, flag)| *flag).or(settings.any_flag());
        match (&config, chosen) {
            (Some(_), Some(flag)) => return Err(format!("--config and {flag} exclude each other")),
            (None, _) if check => return Err("--check-config needs --config".to_owned()),
            _ => {}
        }
        if transport.is_none() && !check {
            return Err("either --stdio or --http is needed".to_owned());
        }
        Ok(Some(Parsed {
            max_in_flight,
            transport: transport.unwrap_or(Transport::Stdio),
            settings: (!bare).then_some(settings),
            config,
            check,
        }))
    }
}

/// The flags, before the settings file is read.
struct Parsed {
    transport: Transport,
    max_in_flight: Option<NonZeroUsize>,
    settings: Option<Settings>,
    config: Option<String>,
    check: bool,
}

impl Parsed {
    fn with_config(self, program: &str) -> Result<Options, ExitCode> {
        let (transport, mut settings) = (self.transport, self.settings);
        if let Some(file) = self.config {
            let config = Config::read(&file, transport).map_err(|error| {
                eprintln!("{program}: {file}: {error}");
                ExitCode::from(2)
            })?;
            if self.check {
                return Err(match config.to_toml() {
                    Ok(text) => {
                        print!("{text}");
                        ExitCode::SUCCESS
                    }
                    Err(error) => {
                        eprintln!("{program}: {error}");
                        ExitCode::FAILURE
                    }
                });
            }
            settings = Some(Settings::of_config(config));
        }
        Ok(Options {
            transport,
            max_in_flight: self.max_in_flight,
            settings,
        })
    }
}

fn usage(program: &str) -> String {
    let mark = |name| {
        let default = layers::defaults().any(|default| default == name);
        format!("{name}{}", if default { "" } else { "*" })
    };
    let layers: Vec<_> = layers::names().map(mark).collect();
    let layers = layers.join(", ");
    let flags = layers::flags().map(|flag| {
        let flag_and_value = format!("{} {}", flag.name, flag.value);
        format!("\n  {flag_and_value:<18}  {}", flag.help)
    });
    let flags: String = flags.collect();
    format!(
        "usage: {program} --stdio|--http ADDR:PORT [--bare|--with LAYER,...]\n\n\
         {FLAGS}{flags}\n\n\
         layers, from the outermost to the innermost: {layers}"
    )
}
