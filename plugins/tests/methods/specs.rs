//! The macros and the builder declare the same plugins.
