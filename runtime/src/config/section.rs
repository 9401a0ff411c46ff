//! Reading a section, key by key.

use equilayer_grammar::text::TextMistake;
use equilayer_grammar::{Range, unknown};

use super::document::{Document, Resolved};
use super::error::Place;
use super::node::{FromNode, Node, Origin, Scalar, Value, quoted};

/// A section of a document, being read. Every read names its key, default and documentation.
#[derive(Debug)]
pub struct Section<'d> {
    document: &'d Document,
    path: String,
    table: Option<&'d Node>,
    asked: Vec<String>,
    /// Whether what is read has an effect.
    used: bool,
}

impl<'d> Section<'d> {
    pub(super) fn new(document: &'d Document, path: &str, table: Option<&'d Node>) -> Section<'d> {
        Section { document, path: path.into(), table, asked: Vec::new(), used: true }
    }

    /// The same, checked and without effect.
    pub(super) fn unused(self) -> Section<'d> {
        Section { used: false, ..self }
    }

    fn entries(&self) -> &'d [(String, Node)] {
        match self.table.map(|node| &node.value) {
            Some(Value::Table(entries)) => entries,
            _ => &[],
        }
    }

    fn node(&self, key: &str) -> Option<&'d Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The names of the sections within.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        let tables = self.entries().iter().filter(|(_, node)| matches!(node.value, Value::Table(_)));
        tables.map(|(name, _)| name.as_str())
    }

    /// Reports that the section is written: at its head in the file, unless that is `allowed`, and else at every key that
    /// is an override.
    pub(super) fn report_written(&self, message: &str, allowed: bool) {
        match self.table {
            Some(Node { origin: origin @ Origin::File { .. }, .. }) if !allowed => {
                self.document.report(message.into(), &self.document.place_of(origin, true));
            }
            _ => {
                let given = self.entries().iter().map(|(_, node)| &node.origin);
                for origin in given.filter(|origin| matches!(origin, Origin::Argument(_))) {
                    self.document.report(message.into(), &self.document.place_of(origin, true));
                }
            }
        }
    }

    /// A value, or the default where none is written or what is written is no such value, which is reported.
    pub fn read<T: FromNode>(&mut self, key: &str, default: T, doc: &str) -> T {
        self.checked(key, default, doc, |_| Ok(()))
    }

    /// A number within a range.
    pub fn number(&mut self, key: &str, default: f64, range: Range, doc: &str) -> f64 {
        let doc = format!("{doc} ({range})");
        self.checked(key, default, &doc, |value| range.check(*value))
    }

    /// A whole number of at least `least`.
    pub fn count(&mut self, key: &str, default: usize, least: usize, doc: &str) -> usize {
        self.checked(key, default, doc, |&value| {
            if value >= least { Ok(()) } else { Err(format!("{value} is not at least {least}")) }
        })
    }

    /// One of the named choices.
    pub fn choice<T: Clone>(
        &mut self,
        key: &str,
        default: &str,
        choices: &[(&str, T)],
        doc: &str,
    ) -> Option<T> {
        let names = choices.iter().map(|(name, _)| *name);
        let doc = format!("{doc} ({})", equilayer_grammar::list(names.clone()));
        let chosen = self.checked(key, default.to_owned(), &doc, |name| {
            let known = choices.iter().any(|(choice, _)| choice == name);
            if known { Ok(()) } else { Err(unknown(key, name, names.clone())) }
        });
        choices.iter().find(|(name, _)| *name == chosen).map(|(_, choice)| choice.clone())
    }

    /// A value that `check` accepts.
    pub fn checked<T: FromNode>(
        &mut self,
        key: &str,
        default: T,
        doc: &str,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> T {
        let value = self.given(key, check).unwrap_or(default);
        self.settle(key, &value, doc);
        value
    }

    /// A value that is written and that `check` accepts. What holds in the end is for [`Section::settle`] to say: so two
    /// keys can say the same thing in different words, and one of them be kept.
    pub fn given<T: FromNode>(
        &mut self,
        key: &str,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Option<T> {
        self.asked.push(key.into());
        let node = self.node(key)?;
        let parsed = scalar(&node.value).and_then(|scalar| T::from_scalar(&scalar));
        match parsed.and_then(|value: T| check(&value).map(|()| value)) {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong::<T>(key, node, &why);
                None
            }
        }
    }

    /// The value that holds, for the resolved configuration.
    pub fn settle<T: FromNode>(&self, key: &str, value: &T, doc: &str) {
        self.resolve(key, value.to_toml(), doc);
    }

    /// A text in a grammar of its own, such as a head's layers; nothing where none is written, or one with mistakes. Each
    /// mistake is shown at its word.
    pub fn phrase<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Vec<TextMistake>>,
    ) -> Option<T> {
        let text = self.given(key, |_: &String| Ok(()))?;
        let mistakes = match parse(&text) {
            Ok(value) => return Some(value),
            Err(mistakes) => mistakes,
        };
        for TextMistake { at, message } in mistakes {
            let place = self.node(key).map(|node| self.document.place_within(&node.origin, &text, at));
            self.document.report(message, &place.unwrap_or_else(|| self.place(key)));
        }
        None
    }

    /// Whether the key is an override of the command line.
    pub fn is_override(&self, key: &str) -> bool {
        self.node(key).is_some_and(|node| matches!(node.origin, Origin::Argument(_)))
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &str, default: &[&str], doc: &str) -> Vec<(String, Place)> {
        self.asked.push(key.into());
        let given = self.node(key);
        let default =
            || default.iter().map(|text| ((*text).to_owned(), Place::Argument(String::new()))).collect();
        let texts: Vec<(String, Place)> = match given.map(|node| (&node.value, node)) {
            None => default(),
            Some((Value::Text(text), node)) => {
                vec![(text.clone(), self.document.place_of(&node.origin, false))]
            }
            Some((Value::List(items), node)) => {
                let text = |item: &Node| match (&item.value, &item.origin, &node.origin) {
                    (Value::Text(text), Origin::File { .. }, Origin::File { .. }) => {
                        Some((text.clone(), self.document.place_of(&item.origin, false)))
                    }
                    (Value::Text(text), _, origin) => {
                        Some((text.clone(), self.document.place_of(origin, false)))
                    }
                    _ => None,
                };
                let texts: Vec<_> = items.iter().filter_map(text).collect();
                if texts.len() < items.len() {
                    self.wrong::<Vec<String>>(key, node, "");
                }
                texts
            }
            Some((_, node)) => {
                self.wrong::<Vec<String>>(key, node, "");
                default()
            }
        };
        let list: Vec<String> = texts.iter().map(|(text, _)| quoted(text)).collect();
        self.resolve(key, format!("[{}]", list.join(", ")), doc);
        texts
    }

    fn resolve(&self, key: &str, value: String, doc: &str) {
        if !self.used {
            return;
        }
        self.document.note(Resolved { section: self.path.clone(), key: key.into(), value, doc: doc.into() });
    }

    /// Reports a problem at a key's value, or at the section where the key is not written.
    pub fn report(&self, key: &str, message: &str) {
        let place = self.place(key);
        self.document.report(message.into(), &place);
    }

    /// Reports a problem at a place.
    pub fn report_at(&self, place: &Place, message: &str) {
        self.document.report(message.into(), place);
    }

    /// Where a key's value is written; the section's place where it is not.
    pub fn place(&self, key: &str) -> Place {
        match (self.node(key), self.table) {
            (Some(node), _) => self.document.place_of(&node.origin, false),
            (None, Some(table)) => self.document.place_of(&table.origin, true),
            (None, None) => Place::Argument(format!("{}.{key}", self.path)),
        }
    }

    fn wrong<T: FromNode>(&self, key: &str, node: &Node, why: &str) {
        let message = match why {
            "" => format!("`{key}` is {}, and {} is not", T::expected(), node.value.describe()),
            why => format!("`{key}`: {why}"),
        };
        self.document.report(message, &self.document.place_of(&node.origin, false));
    }

    /// Reports keys that were not asked for.
    pub fn finish(self) {
        for (name, node) in self.entries() {
            if self.asked.contains(name) || matches!(node.value, Value::Table(_)) {
                continue;
            }
            let message = unknown("key", name, self.asked.iter().map(String::as_str));
            self.document.report(message, &self.document.place_of(&node.origin, true));
        }
    }
}

fn scalar(value: &Value) -> Result<Scalar, String> {
    match value {
        Value::Flag(flag) => Ok(Scalar::Flag(*flag)),
        Value::Whole(number) => Ok(Scalar::Whole(*number)),
        Value::Number(number) => Ok(Scalar::Number(*number)),
        Value::Text(text) => Ok(Scalar::Text(text.clone())),
        Value::List(_) | Value::Table(_) => Err(String::new()),
    }
}

/// For messages alone: lists are read by [`Section::texts`].
impl FromNode for Vec<String> {
    fn expected() -> String {
        "a list of texts".into()
    }

    fn from_scalar(scalar: &Scalar) -> Result<Vec<String>, String> {
        match scalar {
            Scalar::Text(text) => Ok(vec![text.clone()]),
            _ => Err(String::new()),
        }
    }

    fn to_toml(&self) -> String {
        format!("[{}]", self.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
    }
}
