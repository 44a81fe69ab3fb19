//! What attributes say: test code, `allow`, and the words that lift a check.

use proc_macro2::TokenTree;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Item, Lit, Meta};

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]` and `#[cfg(all(test, …))]`; not `#[cfg(not(test))]`.
pub(super) fn is_test(attribute: &Attribute) -> bool {
    if attribute
        .path()
        .segments
        .last()
        .is_some_and(|last| last.ident == "test")
    {
        return true;
    }
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    if !list.path.is_ident("cfg") {
        return false;
    }
    match list
        .tokens
        .clone()
        .into_iter()
        .collect::<Vec<_>>()
        .as_slice()
    {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(group)] if word == "all" => group
            .stream()
            .into_iter()
            .any(|token| matches!(token, TokenTree::Ident(word) if word == "test")),
        _ => false,
    }
}

pub(super) fn says_two_texts(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => {
            matches!(&doc.value, syn::Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) if text.value().contains("Two texts:"))
        }
        _ => false,
    }
}

pub(super) fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The lines of `allow` attributes, test code included.
pub(super) fn allows(file: &syn::File) -> Vec<usize> {
    let mut allows = Allows::default();
    allows.visit_file(file);
    allows.0
}

#[derive(Default)]
struct Allows(Vec<usize>);

impl<'ast> Visit<'ast> for Allows {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let hidden = match &attribute.meta {
            Meta::List(list) if attribute.path().is_ident("cfg_attr") => list
                .tokens
                .clone()
                .into_iter()
                .any(|token| matches!(token, TokenTree::Ident(ident) if ident == "allow")),
            _ => false,
        };
        if hidden || attribute.path().is_ident("allow") {
            self.0.push(attribute.span().start().line);
        }
    }
}
