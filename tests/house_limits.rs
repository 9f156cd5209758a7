//! The size and shape of the source: line counts, circles of files, public names.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use syn::{Item, UseTree, Visibility, visit::Visit};

/// Source lines of one file, of core, of any other crate, and of all crates together but the new ones.
/// The goal for all these is 38,000; the limit rises with features alone.
const MAX_FILE: usize = 400;
const MAX_CORE: usize = 5_500;
const MAX_CRATE: usize = 3_800;
/// The wire has two forms, of which each alone is within the limit of a crate.
const MAX_WIRE: usize = 6_100;
/// The settings of all layers: most lines are keys and their docs, which the schema and the page show.
const MAX_CONFIG: usize = 4_790;
const MAX_ALL: usize = 44_912;

/// Crates that came after the limit for all.
const NEW_CRATES: [&str; 5] = [
    "mcp-layers-config",
    "mcp-layers-drain",
    "mcp-layers-events",
    "mcp-layers-trace",
    "mcp-layers-wire",
];

/// Lines of an example, and of those that may be longer.
const MAX_EXAMPLE: usize = 60;
const LONG_EXAMPLES: &[(&str, usize)] =
    &[("audit_verify", 90), ("quickstart", 80), ("sidecar", 90)];

/// Names at the root of core.
const MAX_CORE_NAMES: usize = 50;

#[test]
fn files_and_crates_stay_small() {
    let mut faults = Vec::new();
    let mut all = 0;
    for folder in crates() {
        let mut lines_of_crate = 0;
        for file in sources(&folder.join("src")) {
            let lines = read(&file).lines().count();
            lines_of_crate += lines;
            if lines > MAX_FILE {
                faults.push(format!("{}: {lines} lines", file.display()));
            }
        }
        let max = if folder.ends_with("mcp-layers-core") {
            MAX_CORE
        } else if folder.ends_with("mcp-layers-wire") {
            MAX_WIRE
        } else if folder.ends_with("mcp-layers-config") {
            MAX_CONFIG
        } else {
            MAX_CRATE
        };
        if lines_of_crate > max {
            faults.push(format!("{}: {lines_of_crate} lines", folder.display()));
        }
        if !NEW_CRATES.iter().any(|new| folder.ends_with(new)) {
            all += lines_of_crate;
        }
    }
    println!("{all} source lines");
    if all > MAX_ALL {
        faults.push(format!("all crates: {all} lines"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn examples_fit_one_screen() {
    let mut faults = Vec::new();
    let folder = Path::new("examples");
    for file in sources(folder) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let long = LONG_EXAMPLES.iter().find(|(long, _)| *long == name);
        // A folder is a program to run, whose files are like those of crates.
        let max = match file.parent() == Some(folder) {
            true => long.map_or(MAX_EXAMPLE, |(_, max)| *max),
            false => MAX_FILE,
        };
        let lines = read(&file).lines().count();
        if lines > max {
            faults.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_readmes_show_one_recommended_stack() {
    let stack = |path: &str| {
        let text = read(Path::new(path));
        let (_, code) = text.split_once("```rust\n").unwrap();
        code.split_once("```").unwrap().0.to_owned()
    };
    assert_eq!(stack("README.md"), stack("crates/mcp-layers/README.md"));
    let order = |path: &str| {
        let text = read(Path::new(path));
        let (_, stack) = text.split_once(".layer(TimingLayer::server())").unwrap();
        let (stack, _) = stack.split_once(".layer(TimeoutLayer::new(").unwrap();
        let layers = stack.split(".layer(").skip(1);
        let names = layers.map(|layer| layer.split([':', ')']).next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let in_docs = order("crates/mcp-layers/src/lib.rs");
    assert_eq!(order("README.md"), in_docs);
    assert_eq!(in_docs.len(), 11);
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let mut faults = Vec::new();
    for folder in crates() {
        let modules = Modules::of_crate(&folder.join("src"));
        faults.extend(modules.circles().into_iter().map(|circle| {
            let circle = circle.join(" -> ");
            format!("{}: {circle}", folder.display())
        }));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_circle_of_files_is_found() {
    let circles = |files: &[(&str, &str)]| {
        let mut modules = Modules::default();
        for (path, text) in files {
            modules.add(split(path), syn::parse_str(text).unwrap());
        }
        modules.circles().len()
    };
    let root = "mod a; mod b; pub use a::A; pub use b::B;";
    let direct = [
        ("", root),
        ("a", "use crate::b::B; pub struct A(B);"),
        ("b", "use crate::a::A; pub struct B(A);"),
    ];
    assert_eq!(circles(&direct), 1);
    let through_the_root = [
        ("", root),
        ("a", "use crate::B; pub struct A(B);"),
        ("b", "pub struct B(Box<super::A>);"),
    ];
    assert_eq!(circles(&through_the_root), 1);
    let one_way = [
        ("", root),
        ("a", "use crate::B; pub struct A(B);"),
        (
            "b",
            "pub struct B; impl B { fn root() { crate::helper() } }",
        ),
    ];
    assert_eq!(circles(&one_way), 0);
    let in_tests_only = [
        ("", root),
        ("a", "use crate::B; pub struct A(B);"),
        (
            "b",
            "pub struct B; #[cfg(test)] mod tests { use crate::A; }",
        ),
    ];
    assert_eq!(circles(&in_tests_only), 0);
    let parent_and_child = [
        ("", "mod a;"),
        ("a", "mod c; use c::C; pub struct A(C);"),
        ("a::c", "use super::A; pub struct C(Option<Box<A>>);"),
    ];
    assert_eq!(circles(&parent_and_child), 0);
}

#[test]
fn the_root_of_core_has_few_names() {
    let names = public_names(&parse(Path::new("crates/mcp-layers-core/src/lib.rs")));
    assert!(
        names.len() <= MAX_CORE_NAMES,
        "{} names: {}",
        names.len(),
        names.join(", ")
    );
}

#[test]
fn no_public_type_has_a_clock_parameter() {
    let mut faults = Vec::new();
    for file in crates()
        .iter()
        .flat_map(|folder| sources(&folder.join("src")))
    {
        let mut visitor = ClockParameters::default();
        visitor.visit_file(&parse(&file));
        for name in visitor.0 {
            faults.push(format!("{}: {name}", file.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_clock_parameter_is_found() {
    let found = |text: &str| {
        let mut visitor = ClockParameters::default();
        visitor.visit_file(&syn::parse_str(text).unwrap());
        visitor.0.len()
    };
    assert_eq!(found("pub struct A<S, C: Clock>(S, C);"), 1);
    assert_eq!(found("pub struct A<S, C>(S, C) where C: core::Clock;"), 1);
    assert_eq!(found("pub struct A<S, C = SystemClock>(S, C);"), 1);
    assert_eq!(found("pub struct A<S>(S, Clock);"), 0);
}

/// Types with a parameter that is bound by a clock, or is one by default.
#[derive(Default)]
struct ClockParameters(Vec<String>);

impl ClockParameters {
    fn look_at(&mut self, name: &syn::Ident, generics: &syn::Generics) {
        let mut names = Mentions::default();
        names.visit_generics(generics);
        if names.0.iter().any(|name| name.ends_with("Clock")) {
            self.0.push(name.to_string());
        }
    }
}

impl Visit<'_> for ClockParameters {
    fn visit_item_struct(&mut self, item: &syn::ItemStruct) {
        self.look_at(&item.ident, &item.generics);
    }

    fn visit_item_enum(&mut self, item: &syn::ItemEnum) {
        self.look_at(&item.ident, &item.generics);
    }
}

#[derive(Default)]
struct Mentions(Vec<String>);

impl Visit<'_> for Mentions {
    fn visit_ident(&mut self, ident: &syn::Ident) {
        self.0.push(ident.to_string());
    }
}

/// The modules of a crate: what each defines, re-exports and mentions.
#[derive(Default)]
struct Modules(BTreeMap<Vec<String>, syn::File>);

impl Modules {
    fn of_crate(src: &Path) -> Self {
        let mut modules = Self::default();
        for file in sources(src) {
            let relative = file.strip_prefix(src).unwrap().with_extension("");
            let mut path: Vec<_> = relative
                .iter()
                .map(|part| part.to_str().unwrap().to_owned())
                .collect();
            if path
                .last()
                .is_some_and(|last| last == "mod" || last == "lib")
            {
                path.pop();
            }
            modules.add(path, parse(&file));
        }
        modules
    }

    fn add(&mut self, path: Vec<String>, file: syn::File) {
        self.0.insert(path, file);
    }

    /// The module in which a path that starts at `module` ends up; re-exports are followed.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        let mut at = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            "self" => module.to_vec(),
            first => {
                // A module that is a child of this one.
                let child = [module, &[first.to_owned()]].concat();
                self.0.get(&child)?;
                child
            }
        };
        for (index, segment) in path.iter().enumerate().skip(1) {
            if segment == "super" {
                at.pop()?;
                continue;
            }
            let child = [&*at, std::slice::from_ref(segment)].concat();
            if self.0.contains_key(&child) {
                at = child;
                continue;
            }
            if depth < 8
                && let Some(target) = self.re_export(&at, segment)
            {
                let rest = [&*target, &path[index + 1..]].concat();
                return self.resolve(&at, &rest, depth + 1).or(Some(at));
            }
            break;
        }
        Some(at)
    }

    /// The path by which `module` re-exports `name`.
    fn re_export(&self, module: &[String], name: &str) -> Option<Vec<String>> {
        let uses = self
            .0
            .get(module)?
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Use(item) => Some(paths(&item.tree)),
                _ => None,
            });
        uses.flatten()
            .find(|(_, exported)| exported == name)
            .map(|(path, _)| path)
    }

    /// From each module to the siblings that it mentions, by their common parent.
    fn edges(&self) -> BTreeMap<Vec<String>, BTreeMap<String, BTreeSet<String>>> {
        let mut edges: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for (module, file) in &self.0 {
            let mut mentions = Paths::default();
            mentions.visit_file(file);
            for path in mentions.0 {
                let Some(target) = self.resolve(module, &path, 0) else {
                    continue;
                };
                let common = module
                    .iter()
                    .zip(&target)
                    .take_while(|(a, b)| a == b)
                    .count();
                if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                    let siblings = edges.entry(module[..common].to_vec()).or_default();
                    siblings.entry(from.clone()).or_default().insert(to.clone());
                }
            }
        }
        edges
    }

    fn circles(&self) -> Vec<Vec<String>> {
        let edges = self.edges();
        let found = edges.iter().filter_map(|(parent, edges)| {
            edges.keys().find_map(|start| {
                let mut path = circle_from(start, edges)?;
                path.insert(0, parent.join("::"));
                Some(path)
            })
        });
        found.collect()
    }
}

/// The shortest way from `start` back to itself.
fn circle_from(start: &String, edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut queue = std::collections::VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = queue.pop_front() {
        for next in edges.get(path.last()?).into_iter().flatten() {
            let path = [&*path, std::slice::from_ref(next)].concat();
            if next == start {
                return Some(path);
            }
            if seen.insert(next.clone()) {
                queue.push_back(path);
            }
        }
    }
    None
}

/// The paths that a file mentions outside of its tests: in `use`, and in place.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Visit<'_> for Paths {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        if item.ident != "tests" {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.0
            .extend(paths(&item.tree).into_iter().map(|(path, _)| path));
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.0.push(segments.collect());
        syn::visit::visit_path(self, path);
    }
}

/// Every path of a `use`, with the name that it brings in.
fn paths(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => {
            let mut below = paths(&path.tree);
            for (path_below, _) in &mut below {
                path_below.insert(0, path.ident.to_string());
            }
            below
        }
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Glob(_) => vec![(Vec::new(), "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(paths).collect(),
    }
}

/// The names that a crate's root makes public, and those that it shows in its docs.
fn public_names(root: &syn::File) -> Vec<String> {
    let mut names = Vec::new();
    for item in &root.items {
        match item {
            Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => {
                names.extend(paths(&item.tree).into_iter().map(|(_, name)| name));
            }
            Item::Mod(item) if matches!(item.vis, Visibility::Public(_)) => {
                names.push(item.ident.to_string());
            }
            _ => {}
        }
    }
    names
}

fn split(path: &str) -> Vec<String> {
    let parts = path.split("::").filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn crates() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("crates").unwrap();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn parse(file: &Path) -> syn::File {
    syn::parse_file(&read(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
