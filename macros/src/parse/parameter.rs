//! Parameters of the loss: a name, a type that says what is asked for, and the attribute that declares it.

use equilayer_grammar::vocabulary::PARAMETER_ATTRIBUTES;
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, FnArg, GenericArgument, Meta, Pat, PathArguments, PathSegment, Type};

use super::function::doc;
use super::{Head, Knob, KnobType, State};
use crate::errors::Errors;
use crate::words;

/// A parameter.
pub struct Parameter {
    /// Its name.
    pub name: Ident,
    /// Its type, as written.
    pub ty: Type,
    /// What its type asks for.
    pub asked: Asked,
    /// What its attribute declares.
    pub ask: Ask,
    /// Its doc comment.
    pub doc: String,
}

/// What a parameter's attribute declares.
pub enum Ask {
    /// Nothing: there is none.
    Nothing,
    /// `#[head(..)]`, and where; without contents if those could not be read.
    Head(Option<Head>, Span),
    /// `#[state(..)]`.
    State(Option<State>, Span),
    /// `#[knob(..)]`.
    Knob(Knob, Span),
}

/// What a parameter's type asks for.
pub enum Asked {
    /// A feature in a role.
    Feature(Role, Feature, Span),
    /// A role without a feature in its brackets, or with something else.
    HalfRole(Role),
    /// A feature without a role.
    Bare(Feature),
    /// `Relative`.
    Relative,
    /// `Labels`.
    Labels,
    /// `Differences` or `Parameters`.
    Transform,
    /// `Positions`.
    Positions,
    /// `Head`.
    Head,
    /// `State`.
    State,
    /// `&Type`, and the type behind the reference.
    Reference(Box<Type>),
    /// `impl Trait` or `dyn Trait`.
    Opaque,
    /// Any other type: a knob's.
    Other(KnobType),
}

/// How a feature is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Pair,
    Views,
    Teacher,
    Untransformed,
    Orbit,
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feature {
    Tokens,
    Embedding,
}

impl Feature {
    /// The type's name.
    pub fn name(self) -> &'static str {
        match self {
            Feature::Tokens => "Tokens",
            Feature::Embedding => "Embedding",
        }
    }

    fn of(segment: &PathSegment) -> Option<Feature> {
        match segment.ident.to_string().as_str() {
            "Tokens" => Some(Feature::Tokens),
            "Embedding" => Some(Feature::Embedding),
            _ => None,
        }
    }
}

impl Role {
    /// The type's name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Pair => "Pair",
            Role::Views => "Views",
            Role::Teacher => "Teacher",
            Role::Untransformed => "Untransformed",
            Role::Orbit => "Orbit",
        }
    }

    fn of(segment: &PathSegment) -> Option<Role> {
        let roles = [Role::Pair, Role::Views, Role::Teacher, Role::Untransformed, Role::Orbit];
        roles.into_iter().find(|role| segment.ident == role.name())
    }
}

impl Parameter {
    /// Takes the parameter apart, and takes its attributes and documentation out of the signature.
    pub fn take(argument: &mut FnArg, errors: &mut Errors) -> Option<Parameter> {
        let typed = match argument {
            FnArg::Receiver(receiver) => {
                errors.at(receiver, words::receiver());
                return None;
            }
            FnArg::Typed(typed) => typed,
        };
        let (own, others) = std::mem::take(&mut typed.attrs).into_iter().partition(is_own);
        typed.attrs = others;
        let ask = read_ask(&own, errors);
        let name = match &*typed.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
                pattern.ident.clone()
            }
            pattern => {
                errors.at(pattern, words::pattern(&typed.ty.to_token_stream().to_string()));
                return None;
            }
        };
        let ty = (*typed.ty).clone();
        Some(Parameter { name, asked: asked(&ty), ty, ask, doc: doc(&own) })
    }
}

fn is_own(attribute: &Attribute) -> bool {
    let path = attribute.path();
    path.is_ident("doc") || PARAMETER_ATTRIBUTES.iter().any(|name| path.is_ident(name))
}

fn read_ask(attributes: &[Attribute], errors: &mut Errors) -> Ask {
    let mut ask = Ask::Nothing;
    for attribute in attributes.iter().filter(|attribute| !attribute.path().is_ident("doc")) {
        let Some(name) = attribute.path().get_ident() else { continue };
        if !matches!(ask, Ask::Nothing) {
            errors.at(attribute, words::two_attributes());
            continue;
        }
        let (span, contents) = (name.span(), contents(attribute));
        ask = match name.to_string().as_str() {
            "head" => Ask::Head(errors.keep(syn::parse2(contents)), span),
            "state" => Ask::State(errors.keep(syn::parse2(contents)), span),
            _ => Ask::Knob(Knob::read(contents, errors), span),
        };
    }
    ask
}

/// What stands in the attribute's parentheses.
fn contents(attribute: &Attribute) -> TokenStream {
    match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    }
}

fn asked(ty: &Type) -> Asked {
    match ty {
        Type::Reference(reference) => return Asked::Reference(reference.elem.clone()),
        Type::ImplTrait(_) | Type::TraitObject(_) => return Asked::Opaque,
        _ => {}
    }
    let Some(last) = last_segment(ty) else { return Asked::Other(KnobType::Choice) };
    if let Some(role) = Role::of(last) {
        return role_of(role, last);
    }
    if let Some(feature) = Feature::of(last) {
        return Asked::Bare(feature);
    }
    match last.ident.to_string().as_str() {
        "Relative" => Asked::Relative,
        "Labels" => Asked::Labels,
        "Differences" | "Parameters" => Asked::Transform,
        "Positions" => Asked::Positions,
        "Head" => Asked::Head,
        "State" => Asked::State,
        _ => Asked::Other(KnobType::of(ty)),
    }
}

/// A role with what stands in its brackets; the teacher's brackets hold views.
fn role_of(role: Role, segment: &PathSegment) -> Asked {
    let half = Asked::HalfRole(role);
    let Some(mut inner) = bracketed(segment) else { return half };
    if role == Role::Teacher {
        if Role::of(inner) != Some(Role::Views) {
            return half;
        }
        let Some(of_views) = bracketed(inner) else { return half };
        inner = of_views;
    }
    match Feature::of(inner) {
        Some(feature) => Asked::Feature(role, feature, inner.ident.span()),
        None => half,
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn bracketed(segment: &PathSegment) -> Option<&PathSegment> {
    let PathArguments::AngleBracketed(brackets) = &segment.arguments else { return None };
    match brackets.args.first() {
        Some(GenericArgument::Type(ty)) if brackets.args.len() == 1 => last_segment(ty),
        _ => None,
    }
}
