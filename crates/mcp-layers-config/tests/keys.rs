//! Every setter of every layer has a key, or a reason why it has none; and every key is read.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{Fields, FnArg, ImplItem, Item, ItemImpl, Pat, ReturnType, Type, visit::Visit};

/// Crates, each with types.
type Crates = &'static [(&'static str, &'static [&'static str])];

/// For each file of tables the crates, and the types in them, that its keys configure. `name!` is a macro
/// with setters.
const BUILDERS: &[(&str, Crates)] = &[
    ("address_limit", &[("rate-limit", &["AddressLimitLayer"])]),
    (
        "audit",
        &[
            ("audit", &["AuditLayer", "AllowList", "FileSink"]),
            ("audit-log", &["LogOptions"]),
        ],
    ),
    (
        "authenticate",
        &[(
            "authenticate",
            &[
                "AuthenticateLayer",
                "ResourceMetadata",
                "ApiKeys",
                "CachedVerifier",
                "JwtVerifier",
                "KeySet",
                "RemoteKeySet",
                "Introspection",
                "claim_setters!",
                "endpoint_setters!",
            ],
        )],
    ),
    (
        "authorize",
        &[(
            "authorize",
            &[
                "AuthorizeLayer",
                "AuthorizeHttpLayer",
                "RulesBuilder",
                "Access",
            ],
        )],
    ),
    ("cache", &[("cache", &["CacheLayer", "Freshness"])]),
    (
        "circuit_breaker",
        &[("circuit-breaker", &["CircuitBreakerLayer"])],
    ),
    (
        "concurrency_limit",
        &[("rate-limit", &["ConcurrencyLimitLayer"])],
    ),
    ("drain", &[("drain", &["DrainLayer"])]),
    ("error_mask", &[("error-mask", &["ErrorMaskLayer"])]),
    ("events", &[("events", &["EventsLayer"])]),
    (
        "local_principal",
        &[("core", &["Principal"]), ("util", &["LocalPrincipalLayer"])],
    ),
    (
        "rate_limit",
        &[("rate-limit", &["RateLimitLayer", "MemoryStore", "Rule"])],
    ),
    ("redactor", &[("redact", &["Redactor"])]),
    ("retry", &[("retry", &["RetryLayer", "Backoff", "Budget"])]),
    ("timeout", &[("timeout", &["TimeoutLayer", "Limits"])]),
    ("timing", &[("timing", &["TimingLayer"])]),
    ("trace", &[("trace", &["TraceLayer", "Capture"])]),
];

/// Setters and parameters whose key has another name.
const RENAMED: &[(&str, &str)] = &[
    ("AuditLayer.also", "tracing"),
    ("AuditLayer.sink", "file"),
    ("AuthorizeHttpLayer.layer", "http"),
    ("Access.with_any_role", "any_role"),
    ("Access.with_any_tenant", "any_tenant"),
    ("ApiKeys.with_digest", "digest"),
    ("ApiKeys.with_key", "key"),
    ("AuthorizeLayer.policy", "tool"),
    ("AuthenticateLayer.verifier", "api_keys"),
    ("Freshness.private", "scope"),
    ("Freshness.public", "scope"),
    ("KeySet.from_jwks", "keys"),
    ("KeySet.from_pem", "keys"),
    ("Principal.with_client_id", "client_id"),
    ("Principal.with_issuer", "issuer"),
    ("Principal.with_roles", "roles"),
    ("Principal.with_scopes", "scopes"),
    ("Principal.with_tenant", "tenant"),
    ("Rule.name", "rules"),
    ("TimingLayer.client", "side"),
    ("TimingLayer.server", "side"),
    ("TraceLayer.client", "side"),
    ("TraceLayer.server", "side"),
];

/// Setters and parameters without a key.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("AddressLimitLayer.peer", CODE),
    ("AddressLimitLayer.with_clock", TESTS),
    ("AllowList.redact", CODE),
    ("AuditLayer.trace_id", CODE),
    ("AuditLayer.with_clock", TESTS),
    ("AuthenticateLayer.on_refusal", CODE),
    (
        "AuthorizeHttpLayer.challenge",
        "`[authenticate.metadata]` and `challenge_scopes` make challenges",
    ),
    (
        "AuthorizeLayer.signed_ids",
        "the server signs ids with the same value",
    ),
    ("CacheLayer.store", STORE),
    ("CacheLayer.with_clock", TESTS),
    ("CachedVerifier.inner", CODE),
    ("CachedVerifier.with_clock", TESTS),
    ("CircuitBreakerLayer.classify", CODE),
    ("CircuitBreakerLayer.fallback", CODE),
    ("CircuitBreakerLayer.with_clock", TESTS),
    ("ErrorMaskLayer.with_clock", TESTS),
    ("EventsLayer.recorder", CODE),
    (
        "FileSink.open",
        "`[audit.file]` is opened when the layers are built",
    ),
    ("FileSink.open_with", "as `open`"),
    ("JwtVerifier.with_clock", TESTS),
    ("LocalPrincipalLayer.principal", "its parts are keys"),
    ("LogOptions.clock", TESTS),
    ("MemoryStore.with_clock", TESTS),
    ("Principal.authentication", "it follows from the table"),
    ("Principal.with_credential_digest", "there is no credential"),
    ("Principal.with_expiry", "there is no credential"),
    ("RateLimitLayer.with_clock", TESTS),
    ("RateLimitLayer.with_store", STORE),
    ("Redactor.custom", CODE),
    ("Redactor.internals", "its parts are keys"),
    ("Redactor.none", "`credentials = false`"),
    ("RetryLayer.classify", CODE),
    ("RetryLayer.rng", TESTS),
    ("RetryLayer.with_clock", TESTS),
    ("Rule.cost_by", CODE),
    ("TimingLayer.recorder", CODE),
    ("TimingLayer.with_clock", TESTS),
    ("TraceLayer.backend", CODE),
    ("TraceLayer.on_end", CODE),
    ("TraceLayer.on_start", CODE),
    ("TraceLayer.parent_fn", CODE),
    ("TraceLayer.tracer", CODE),
    ("TraceLayer.with_clock", TESTS),
    ("endpoint_setters!.http_client", CODE),
    ("endpoint_setters!.with_clock", TESTS),
];

const CODE: &str = "a function or a value of code";
const STORE: &str = "a store outside of the process is built in code";
const TESTS: &str = "for tests";

#[test]
fn every_setter_has_a_key_or_a_reason() {
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    for (table, crates) in BUILDERS {
        let keys = keys_of(&files_of_table(table));
        for (name, types) in *crates {
            let files = parse_all(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../mcp-layers-{name}/src")),
            );
            for of in *types {
                let setters = setters(&files, of);
                if setters.is_empty() {
                    faults.push(format!("{of}: no setter was found"));
                }
                for setter in setters {
                    let full = format!("{of}.{setter}");
                    let renamed = RENAMED.iter().find(|(name, _)| *name == full);
                    let key = renamed.map_or(&*setter, |(_, key)| key);
                    let is_exception = EXCEPTIONS.iter().any(|(name, _)| *name == full);
                    if keys.contains(key) == is_exception {
                        faults.push(format!(
                            "{full}: key {key:?} in {table}, exception: {is_exception}"
                        ));
                    }
                    seen.insert(full);
                }
            }
        }
    }
    let listed = RENAMED.iter().chain(EXCEPTIONS).map(|(name, _)| *name);
    faults.extend(
        listed
            .filter(|name| !seen.contains(*name))
            .map(|name| format!("{name}: is no setter")),
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_key_is_read() {
    let mut faults = Vec::new();
    for (table, _) in BUILDERS {
        let files = files_of_table(table);
        let mut reads = Reads::default();
        files.iter().for_each(|file| reads.visit_file(file));
        let keys = keys_of(&files);
        faults.extend(
            keys.difference(&reads.0)
                .map(|key| format!("{table}: nothing reads {key}")),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn files_of_table(table: &str) -> Vec<syn::File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![parse(&src.join(format!("{table}.rs")))];
    let folder = src.join(table);
    if folder.is_dir() {
        files.extend(parse_all(&folder));
    }
    files
}

/// The public fields of all structs.
fn keys_of(files: &[syn::File]) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for item in files.iter().flat_map(all_items) {
        if let Item::Struct(item) = item
            && let Fields::Named(fields) = &item.fields
            && matches!(item.vis, syn::Visibility::Public(_))
        {
            keys.extend(
                fields
                    .named
                    .iter()
                    .map(|field| field.ident.as_ref().unwrap().to_string()),
            );
        }
    }
    keys
}

/// Fields that are read as `.field`, and the tokens of macros.
#[derive(Default)]
struct Reads(BTreeSet<String>);

impl Visit<'_> for Reads {
    fn visit_expr_field(&mut self, field: &syn::ExprField) {
        if let syn::Member::Named(name) = &field.member {
            self.0.insert(name.to_string());
        }
        syn::visit::visit_expr_field(self, field);
    }

    fn visit_macro(&mut self, item: &syn::Macro) {
        let text = item.tokens.to_string();
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        self.0.extend(words.map(str::to_owned));
    }
}

/// Setters of a type, and the parameters of its constructors; of a macro, its methods.
fn setters(files: &[syn::File], of: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in files.iter().flat_map(all_items) {
        match item {
            Item::Impl(item) if is_inherent(item, of) => found.extend(setters_of_impl(item, of)),
            Item::Struct(item) if item.ident == of => {
                let public = item
                    .fields
                    .iter()
                    .filter(|field| matches!(field.vis, syn::Visibility::Public(_)));
                found.extend(public.filter_map(|field| Some(field.ident.as_ref()?.to_string())));
            }
            Item::Macro(item)
                if item
                    .ident
                    .as_ref()
                    .is_some_and(|name| format!("{name}!") == of) =>
            {
                let text = item.mac.tokens.to_string();
                let methods = text.split("pub fn ").skip(1);
                found.extend(methods.map(|rest| rest.split([' ', '(']).next().unwrap().to_owned()));
            }
            _ => {}
        }
    }
    found
}

fn is_inherent(item: &ItemImpl, of: &str) -> bool {
    item.trait_.is_none() && last_name(&item.self_ty).as_deref() == Some(of)
}

fn setters_of_impl(item: &ItemImpl, of: &str) -> Vec<String> {
    let mut found = Vec::new();
    for item in &item.items {
        let ImplItem::Fn(method) = item else { continue };
        let is_public = matches!(method.vis, syn::Visibility::Public(_));
        if !is_public || !returns_self(&method.sig.output, of) {
            continue;
        }
        let name = method.sig.ident.to_string();
        let parameters = method.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) => Some(name.ident.to_string()),
                _ => None,
            },
            FnArg::Receiver(_) => None,
        });
        match method.sig.receiver() {
            Some(_) => found.push(name),
            None if name == "new" => found.extend(parameters),
            None => found.push(name),
        }
    }
    found
}

fn returns_self(output: &ReturnType, of: &str) -> bool {
    let ReturnType::Type(_, output) = output else {
        return false;
    };
    let mut names = Names::default();
    names.visit_type(output);
    names.0.iter().any(|name| name == "Self" || name == of)
}

#[derive(Default)]
struct Names(Vec<String>);

impl Visit<'_> for Names {
    fn visit_ident(&mut self, ident: &syn::Ident) {
        self.0.push(ident.to_string());
    }
}

fn last_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

/// The items of a file, and those of the modules in it, except tests.
fn all_items(file: &syn::File) -> Vec<&Item> {
    let mut items: Vec<&Item> = file.items.iter().collect();
    let mut index = 0;
    while let Some(item) = items.get(index) {
        if let Item::Mod(item) = item
            && let Some((_, content)) = &item.content
            && item.ident != "tests"
        {
            items.extend(content);
        }
        index += 1;
    }
    items
}

fn parse_all(folder: &Path) -> Vec<syn::File> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = parse(&path);
                files.insert(path, file);
            }
        }
    }
    files.into_values().collect()
}

fn parse(path: &Path) -> syn::File {
    syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap()
}
