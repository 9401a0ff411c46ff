//! Tokens to spanned syntax. Everything that is read keeps its place; nothing is judged here but its form.

mod action;
mod declaration;
mod function;
mod head;
pub mod keys;
mod knob;
mod method;
mod parameter;
mod tap;

pub use action::ActionDeclaration;
pub use declaration::{Declaration, Kind};
pub use function::Function;
pub use head::{Head, Places, State};
pub use knob::{Knob, KnobType};
pub use method::{Method, Term};
pub use parameter::{Ask, Asked, Feature, Parameter, Role};
pub use tap::Tap;
