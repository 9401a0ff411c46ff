//! `#[head(mlp(512, gelu, 512), ema)]` and `#[state([width], init = 0.0)]`.

use equilayer_grammar::unknown;
use equilayer_grammar::vocabulary::{HEAD_OPTIONS, HEADS};
use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, LitInt, Token};

use crate::words;

/// The layers a parameter learns.
pub struct Head {
    /// From the tap to the loss.
    pub layers: Vec<Layer>,
    /// `ema`, where it was written.
    pub ema: Option<Ident>,
    /// The knob of `freeze_last = KNOB`.
    pub freeze_last: Option<Ident>,
}

/// One layer.
pub struct Layer {
    /// What it is.
    pub kind: LayerKind,
    /// Where it stands.
    pub span: Span,
}

/// What a layer is.
pub enum LayerKind {
    /// A width by itself: a linear layer.
    Linear {
        /// Channels out.
        width: Width,
        /// `+ bias`, where it was written.
        bias: Option<Ident>,
    },
    /// `prototypes(n)`.
    Prototypes(Width),
    /// A layer without width, if the name is one; or the name of a knob.
    Named(Ident),
}

/// How many channels.
pub enum Width {
    /// A number.
    Fixed(LitInt),
    /// `width` or `2 * width`: the factor and where `width` stands.
    Tap(Option<LitInt>, Span),
    /// `width * width`.
    TapSquared(Span),
    /// A knob.
    Knob(Ident),
}

/// A parameter that persists.
pub struct State {
    /// Its axes.
    pub shape: Vec<Width>,
    /// Its first value.
    pub init: Option<Expr>,
    /// Where the shape stands.
    pub span: Span,
}

impl Parse for Head {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let kind = Ident::parse_any(input)?;
        if !HEADS.contains(&kind.to_string().as_str()) {
            let message = unknown("head", &kind.to_string(), HEADS.iter().copied());
            return Err(syn::Error::new(kind.span(), message));
        }
        if !input.peek(syn::token::Paren) {
            return Err(syn::Error::new(kind.span(), words::head_without_layers()));
        }
        let content;
        syn::parenthesized!(content in input);
        let layers = Punctuated::<Layer, Token![,]>::parse_terminated(&content)?.into_iter().collect();
        let (mut ema, mut freeze_last) = (None, None);
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let option = Ident::parse_any(input)?;
            match option.to_string().as_str() {
                "ema" => ema = Some(option),
                "freeze_last" => {
                    input.parse::<Token![=]>()?;
                    freeze_last = Some(input.call(Ident::parse_any)?);
                }
                other => {
                    let message = unknown("head option", other, HEAD_OPTIONS.iter().copied());
                    return Err(syn::Error::new(option.span(), message));
                }
            }
        }
        if !input.is_empty() {
            return Err(input.error(words::behind_head()));
        }
        Ok(Head { layers, ema, freeze_last })
    }
}

impl Parse for Layer {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let span = input.span();
        let named = input.peek(Ident::peek_any) && !input.peek2(Token![*]) && !input.peek2(Token![+]);
        if !named {
            let width: Width = input.parse()?;
            return Ok(Layer { kind: LayerKind::Linear { width, bias: bias(input)? }, span });
        }
        let name = Ident::parse_any(input)?;
        let kind = if input.peek(syn::token::Paren) {
            if name != "prototypes" {
                return Err(syn::Error::new(name.span(), words::layer_with_parentheses(&name.to_string())));
            }
            let content;
            syn::parenthesized!(content in input);
            LayerKind::Prototypes(content.parse()?)
        } else if name == "prototypes" {
            return Err(syn::Error::new(name.span(), words::prototypes_without_count()));
        } else if name == "width" {
            LayerKind::Linear { width: Width::Tap(None, name.span()), bias: None }
        } else {
            LayerKind::Named(name)
        };
        Ok(Layer { kind, span })
    }
}

fn bias(input: ParseStream) -> syn::Result<Option<Ident>> {
    if input.parse::<Option<Token![+]>>()?.is_none() {
        return Ok(None);
    }
    let bias = Ident::parse_any(input)?;
    if bias == "bias" {
        Ok(Some(bias))
    } else {
        Err(syn::Error::new(bias.span(), words::only_bias_is_added(&bias.to_string())))
    }
}

impl Parse for Width {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(LitInt) {
            let number: LitInt = input.parse()?;
            if input.parse::<Option<Token![*]>>()?.is_none() {
                return Ok(Width::Fixed(number));
            }
            return Ok(Width::Tap(Some(number), tap_width(input)?));
        }
        if !input.peek(Ident::peek_any) {
            return Err(input.error(words::not_a_width()));
        }
        let name = Ident::parse_any(input)?;
        if name != "width" {
            return Ok(Width::Knob(name));
        }
        if input.parse::<Option<Token![*]>>()?.is_none() {
            return Ok(Width::Tap(None, name.span()));
        }
        if input.peek(LitInt) {
            return Ok(Width::Tap(Some(input.parse()?), name.span()));
        }
        tap_width(input).map(Width::TapSquared)
    }
}

/// The word `width`, and where it stands.
fn tap_width(input: ParseStream) -> syn::Result<Span> {
    let name = input.call(Ident::parse_any).map_err(|_| input.error(words::not_a_width()))?;
    if name == "width" { Ok(name.span()) } else { Err(syn::Error::new(name.span(), words::not_a_width())) }
}

impl Parse for State {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let span = input.span();
        if !input.peek(syn::token::Bracket) {
            return Err(input.error(words::state_shape()));
        }
        let content;
        syn::bracketed!(content in input);
        let shape = Punctuated::<Width, Token![,]>::parse_terminated(&content)?.into_iter().collect();
        let mut init = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key = Ident::parse_any(input)?;
            if key != "init" {
                return Err(syn::Error::new(key.span(), unknown("key", &key.to_string(), ["init"])));
            }
            input.parse::<Token![=]>()?;
            init = Some(input.parse()?);
        }
        if !input.is_empty() {
            return Err(input.error(words::state_shape()));
        }
        Ok(State { shape, init, span })
    }
}
