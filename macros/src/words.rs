//! What only a macro can say: mistakes of form that a builder or a configuration cannot make.
//!
//! Rules that those can break too have their words in `equilayer-grammar`.

use equilayer_grammar::{list, vocabulary};

/// The item under an attribute is no function.
pub fn not_a_function(attribute: &str) -> String {
    format!("`#[{attribute}]` goes on a function; write `#[{attribute}(..)] pub fn name(..) -> ..`")
}

/// A key is given again.
pub fn key_twice(key: &str) -> String {
    format!("`{key}` is given twice; keep one of the two")
}

/// Where the key was given first.
pub fn key_first_given(key: &str) -> String {
    format!("`{key}` is first given here")
}

/// A key stands alone.
pub fn key_without_value(key: &str) -> String {
    format!("`{key}` takes a value; write `{key} = ..`")
}

/// A key of another attribute, whose name is `attribute`. `valid` are the keys here.
pub fn key_of_another(key: &str, attribute: &str, valid: &[&str]) -> String {
    format!("`{key}` is a key of `#[{attribute}]`; valid keys here: {}", list(valid.iter().copied()))
}

/// Something else than text in quotes.
pub fn text(key: &str, found: &str) -> String {
    format!("`{key}` takes text in quotes; write `{key} = \"{}\"`", found.trim_matches('"'))
}

/// Something stands between one key's value and the next key.
pub fn between_keys() -> String {
    "this belongs to no key; separate keys by commas, as in `name = \"ser\", at = tokens(3)`".to_owned()
}

/// A tap has more in its parentheses than a layer.
pub fn one_layer() -> String {
    "a tap takes one layer, as in `tokens(3)`; place a plugin at several layers with `+` in `method!`"
        .to_owned()
}

/// A plugin's function has a `keyword` it cannot have.
pub fn qualified(keyword: &str) -> String {
    format!("a plugin's function is a plain one that is called once, to build a graph; remove `{keyword}`")
}

/// A plugin's function has generic parameters.
pub fn generic() -> String {
    "a plugin's function is not generic: the framework calls it, with types of its own; write out the types"
        .to_owned()
}

/// A parameter `self`.
pub fn receiver() -> String {
    "a plugin is a function of its own and has no `self`; move it out of the `impl`".to_owned()
}

/// A pattern for a name. `ty` is the parameter's type.
pub fn pattern(ty: &str) -> String {
    let ty = ty.replace(' ', "");
    format!(
        "a parameter has a name, by which it is configured and logged; write `name: {ty}` and take it apart inside"
    )
}

/// Too many parameters.
pub fn too_many(count: usize) -> String {
    format!(
        "a plugin has at most {} parameters, and this one has {count}; gather knobs in a `Choice`, or split the plugin",
        vocabulary::MOST_PARAMETERS
    )
}

/// Another return type than `Loss`.
pub fn returns(expected: &str) -> String {
    format!("this function returns `{expected}`; write `-> {expected}`")
}

/// A reference. `ty` is the type behind it.
pub fn reference(ty: &str) -> String {
    let ty = ty.replace(' ', "");
    format!("the framework hands its values over; take `{ty}` itself, without `&`")
}

/// `impl Trait` or `dyn Trait`.
pub fn opaque() -> String {
    format!("the type of a parameter says what the framework supplies; name it: {}", askable())
}

/// A feature without a role.
pub fn bare_feature(feature: &str) -> String {
    format!(
        "`{feature}` says what is read and not of which image; write `Pair<{feature}>`, `Views<{feature}>`, \
         `Teacher<Views<{feature}>>`, `Untransformed<{feature}>` or `Orbit<{feature}>`"
    )
}

/// A role without a feature.
pub fn half_role(role: &str) -> String {
    let inner = |feature: &str| match role {
        "Teacher" => format!("`Teacher<Views<{feature}>>`"),
        _ => format!("`{role}<{feature}>`"),
    };
    format!("`{role}` is of features; write {} or {}", inner("Tokens"), inner("Embedding"))
}

/// A type that asks for nothing the framework has.
pub fn not_askable(ty: &str) -> String {
    format!(
        "nothing is supplied for `{}`; ask for {}, or make it a knob with `#[knob(default = ..)]`",
        ty.replace(' ', ""),
        askable()
    )
}

/// A mistyped type. `meant` is the one it is near.
pub fn misspelt(ty: &str, meant: &str) -> String {
    format!("nothing is supplied for `{ty}`; did you mean `{meant}`? A loss can ask for {}", askable())
}

fn askable() -> String {
    let roles: Vec<String> = vocabulary::ROLES.iter().map(|role| format!("{role}<..>")).collect();
    let all = roles.iter().map(String::as_str).chain(vocabulary::EXTRACTORS.iter().copied());
    list(all.collect::<Vec<_>>())
}

/// An attribute on a parameter of another type. `wants` has its article.
pub fn attribute_mismatch(attribute: &str, wants: &str, ty: &str) -> String {
    let ty = ty.replace(' ', "");
    format!("`#[{attribute}]` declares {wants}, and this parameter is `{ty}`; change the one or the other")
}

/// Two attributes on one parameter.
pub fn two_attributes() -> String {
    format!(
        "a parameter is declared once, as one of {}; remove this one",
        list(vocabulary::PARAMETER_ATTRIBUTES.iter().copied())
    )
}

/// A number of a type that knobs do not have.
pub fn other_number(ty: &str, knob: &str) -> String {
    format!("a knob is `f32`, `usize`, `bool`, `Scheduled` or a `Choice`, and not `{ty}`; take {knob}")
}

/// A choice by name. `variant` is the enum's variant it probably means.
pub fn choice_by_name(ty: &str, variant: &str) -> String {
    format!("the default of a choice is its value; write `{ty}::{variant}`")
}

/// Ends of a range given as inclusive and exclusive at once.
pub fn two_ends(first: &str, second: &str) -> String {
    format!("`{second}` and `{first}` are the same end of the range; keep one of the two")
}

/// An end of a range that is no number.
pub fn not_a_number(key: &str) -> String {
    format!("`{key}` takes a number; write for example `{key} = 1.0`")
}

/// A state's shape is missing or followed by something.
pub fn state_shape() -> String {
    "a state is its shape and first value; write for example `#[state([width], init = 0.0)]`".to_owned()
}

/// An objective asks for something of an action.
pub fn action_of_objective(extractor: &str) -> String {
    format!(
        "`{extractor}` is of a group action, which objectives do not have; declare a `#[regularizer]` for it"
    )
}

/// An objective reads its teacher and has none.
pub fn missing_teacher() -> String {
    "this reads a teacher, and none is declared; add `teacher = Ema::after_step(Schedule::cosine(0.996, 1.0))`".to_owned()
}

/// A term of a method is subtracted, multiplied behind, or written as a call.
pub fn term() -> String {
    "a method is an objective and weighted regularizers; write for example `MocoV3 + 0.5 * Ser at tokens(3)`"
        .to_owned()
}

/// A weight behind its regularizer.
pub fn weight_behind(plugin: &str, weight: &str) -> String {
    format!("weights come first; write `{weight} * {plugin}`")
}

/// Two places for one term.
pub fn two_places() -> String {
    "this plugin already has a place; keep one, or add the plugin again with `+`".to_owned()
}

/// Another signature than an action's.
pub fn action_signature() -> String {
    "an action is a function of an element and a grid; write `fn name(element: u8, from: Grid) -> GridMap`"
        .to_owned()
}

/// A key that an action needs. `example` is a value.
pub fn action_needs(key: &str, what: &str, example: &str) -> String {
    format!("an action needs {what}; add `{key} = {example}`")
}

/// Neither `elements` nor `sample`.
pub fn action_without_elements() -> String {
    "an action needs its elements; add `elements = 0..4` for a finite group, or `sample = |draw| ..` for a continuous one"
        .to_owned()
}

/// Both `elements` and `sample`.
pub fn action_drawn_twice() -> String {
    "the elements of a finite group are drawn with the same chance; remove `sample`, or `elements`".to_owned()
}

/// `floor` without `interpolation`.
pub fn floor_of_permutation() -> String {
    "a permutation is exact and has no floor; remove `floor`, or add `interpolation = bilinear`".to_owned()
}

/// A weight without a plugin.
pub fn weight_of_nothing() -> String {
    "a weight belongs to a regularizer; write for example `0.5 * Ser`".to_owned()
}

/// Nothing follows a `+`.
pub fn plus_without_term() -> String {
    "a regularizer follows `+`; write for example `+ 0.5 * Ser at tokens(3)`".to_owned()
}
