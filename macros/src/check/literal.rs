//! Literals a macro can read. Other expressions are the compiler's and the run's to judge.

use crate::errors::Errors;
use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

/// The number that an expression is literally, with its sign.
pub fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|number| -number),
        _ => None,
    }
}

/// The text of a schedule, if it is literally one.
pub fn schedule(expr: &Expr, errors: &mut Errors) {
    if let Some(Lit::Str(text)) = literal(expr)
        && let Err(error) = equilayer_grammar::schedule::parse(&text.value())
    {
        errors.at(expr, error.to_string());
    }
}

/// The literal that an expression is.
pub fn literal(expr: &Expr) -> Option<&Lit> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => literal(expr),
        _ => None,
    }
}
