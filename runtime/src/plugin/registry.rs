//! The plugins that are linked into a program.

use std::fmt;

use equilayer_grammar::unknown;

use super::build::Plugin;
use super::knob::KnobValue;
use super::spec::PluginKind;
use crate::action::KnownActions;

#[doc(hidden)]
pub use inventory;

/// A plugin with a type of its own: what `#[objective]` and `#[regularizer]` make of a function. The type's fields are
/// the knobs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "not a plugin",
    note = "plugins are the types that #[objective] and #[regularizer] make: `MocoV3`, `Ser`; a function is declared under \
            one of the two, and its type is named after the `name` key"
)]
pub trait Declared: Clone + Default + fmt::Debug {
    /// What it reads at its tap: [`super::Tokens`] or [`super::Embedding`].
    type Feature;

    /// The declaration.
    fn plugin() -> Plugin;

    /// The knobs' values, in the order of the declaration.
    fn knobs(&self) -> Vec<KnobValue>;
}

/// An invariance loss: the one a method is built on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an objective",
    label = "not an objective",
    note = "a method starts with one objective, declared with #[objective]; regularizers are added to it"
)]
pub trait Objective: Declared {}

/// An equivariance loss: what is added to an objective, at a layer, with a weight.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a regularizer",
    label = "not a regularizer",
    note = "behind the objective come regularizers, declared with #[regularizer]"
)]
pub trait Regularizer: Declared {}

/// An entry of the registry; made by [`register!`](crate::plugin::register).
pub struct Registration {
    plugin: fn() -> Plugin,
    module: &'static str,
}

impl Registration {
    /// The declaration of `P`, made in `module`.
    pub const fn of<P: Declared>(module: &'static str) -> Registration {
        Registration { plugin: P::plugin, module }
    }
}

inventory::collect!(Registration);

/// Puts a plugin's type into the registry of every program that links its crate.
#[macro_export]
#[doc(hidden)]
macro_rules! __register {
    ($plugin:ty) => {
        $crate::plugin::inventory::submit! { $crate::plugin::Registration::of::<$plugin>(::core::module_path!()) }
    };
}

/// All plugins of a program, sound ones, and the group actions they can be given.
#[derive(Clone, Debug)]
pub struct Registry {
    plugins: Vec<Plugin>,
    actions: KnownActions,
}

/// Why a registry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Nothing is registered.
    #[error(
        "no plugin is registered: the linker drops a crate that nothing refers to; call `equilayer_plugins::link()` \
         first in main, and the like for crates of your own"
    )]
    Empty,
    /// A name is taken.
    #[error("the plugin `{name}` is declared twice, in {first} and in {second}; rename one")]
    Twice {
        /// The name.
        name: String,
        /// A module.
        first: &'static str,
        /// Another.
        second: &'static str,
    },
    /// Declarations that make no sense.
    #[error("the plugin `{name}` ({module}) cannot be used: {}", .problems.join("; "))]
    Unsound {
        /// Its name.
        name: String,
        /// Where it is declared.
        module: &'static str,
        /// All that is wrong.
        problems: Vec<String>,
    },
}

impl Registry {
    /// Everything that is linked in, sorted by name.
    ///
    /// # Errors
    /// Nothing linked, a name twice, or a declaration with problems.
    pub fn linked() -> Result<Registry, RegistryError> {
        let mut found: Vec<(Plugin, &'static str)> =
            inventory::iter::<Registration>().map(|entry| ((entry.plugin)(), entry.module)).collect();
        if found.is_empty() {
            return Err(RegistryError::Empty);
        }
        found.sort_by(|(a, _), (b, _)| a.spec().name.cmp(&b.spec().name));
        for pair in found.windows(2) {
            if pair[0].0.spec().name == pair[1].0.spec().name {
                let name = pair[0].0.spec().name.clone();
                return Err(RegistryError::Twice { name, first: pair[0].1, second: pair[1].1 });
            }
        }
        for (plugin, module) in &found {
            let problems = plugin.problems();
            if !problems.is_empty() {
                return Err(RegistryError::Unsound { name: plugin.spec().name.clone(), module, problems });
            }
        }
        Ok(Registry::of(found.into_iter().map(|(plugin, _)| plugin).collect()))
    }

    /// A registry of these plugins, for programs that link none.
    pub fn of(plugins: Vec<Plugin>) -> Registry {
        Registry { plugins, actions: KnownActions::linked() }
    }

    /// The group actions that configurations can name.
    pub fn actions(&self) -> &KnownActions {
        &self.actions
    }

    /// All plugins, by name.
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// The plugins of a kind, by name.
    pub fn of_kind(&self, kind: PluginKind) -> impl Iterator<Item = &Plugin> + Clone {
        self.plugins.iter().filter(move |plugin| plugin.spec().kind == kind)
    }

    /// The plugin of this kind and name.
    ///
    /// # Errors
    /// An unknown name, with the nearest one and the list; a plugin of the other kind.
    pub fn find(&self, kind: PluginKind, name: &str) -> Result<&Plugin, String> {
        match self.plugins.iter().find(|plugin| plugin.spec().name == name) {
            Some(plugin) if plugin.spec().kind == kind => Ok(plugin),
            Some(plugin) => Err(format!(
                "`{name}` is declared as {}, and this is the place of one of the {}s: {}",
                with_article(plugin.spec().kind.name()),
                kind.name(),
                equilayer_grammar::list(self.names(kind))
            )),
            None => Err(unknown(kind.name(), name, self.names(kind))),
        }
    }

    fn names(&self, kind: PluginKind) -> impl Iterator<Item = &str> + Clone {
        self.of_kind(kind).map(|plugin| plugin.spec().name.as_str())
    }
}

fn with_article(noun: &str) -> String {
    format!("{} {noun}", if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}
