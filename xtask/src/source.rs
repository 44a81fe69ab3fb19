//! One Rust file as facts: the paths it names, its string literals, macros and awaits; test code left out.

mod attributes;
mod tokens;

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItem, Item, Lit, UseTree};

use self::attributes::{is_test, item_attributes, says_two_texts};
use self::tokens::{is_macro_call, path_at};

/// A path as it stands in the text: `crate::store::clients::find`, from a `use` or from code.
pub(crate) struct Name {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// The inline modules around it.
    pub(crate) scope: Vec<String>,
}

/// What a `use` calls a path.
struct Alias {
    name: String,
    path: Vec<String>,
    scope: Vec<String>,
}

pub(crate) struct Literal {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// Inside a function whose documentation says `Two texts:` and why: one statement for each database.
    pub(crate) two_texts: bool,
}

/// A handler that a route names: in `.route("/", get(handler))`, or in utoipa's `routes!(handler)`.
pub(crate) struct Handler {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) names: Vec<Name>,
    aliases: Vec<Alias>,
    pub(crate) literals: Vec<Literal>,
    /// Macros called, by their last segment.
    pub(crate) macros: Vec<(String, usize)>,
    /// Lines with `async` or `.await`.
    pub(crate) awaits: Vec<usize>,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) functions: BTreeSet<String>,
    /// Lines with an `allow` attribute, test code included.
    pub(crate) allows: Vec<usize>,
    /// Modules declared, inline or not.
    pub(crate) modules: Vec<(String, usize)>,
    /// Modules declared under `#[cfg(test)]` whose text stands in another file.
    pub(crate) test_modules: Vec<String>,
    pub(crate) test_lines: usize,
}

impl Facts {
    pub(crate) fn read(text: &str) -> syn::Result<Self> {
        let file = syn::parse_file(text)?;
        let mut reader = Reader::default();
        reader.visit_file(&file);
        let mut facts = reader.facts;
        if file.attrs.iter().any(is_test) {
            facts = Self {
                test_lines: text.lines().count(),
                ..Self::default()
            };
        }
        facts.allows = attributes::allows(&file);
        Ok(facts)
    }

    /// The path with its first part replaced by what a `use` of the same module gave that name:
    /// `sessions::end` after `use crate::identity::sessions` is `crate::identity::sessions::end`.
    pub(crate) fn spelled_out(&self, name: &Name) -> Vec<String> {
        let Some((first, rest)) = name.path.split_first() else {
            return Vec::new();
        };
        let named = |alias: &&Alias| {
            alias.name == *first && alias.path.len() > 1 && alias.scope == name.scope
        };
        let base = self
            .aliases
            .iter()
            .find(named)
            .map_or(&name.path[..1], |alias| &alias.path);
        base.iter().chain(rest).cloned().collect()
    }
}

#[derive(Default)]
struct Reader {
    facts: Facts,
    scope: Vec<String>,
    two_texts: bool,
}

impl Reader {
    fn name(&mut self, path: Vec<String>, line: usize) {
        self.facts.names.push(Name {
            path,
            line,
            scope: self.scope.clone(),
        });
    }

    fn imported(&mut self, tree: &UseTree, before: &[String]) {
        let with = |ident: &syn::Ident| {
            before
                .iter()
                .cloned()
                .chain([ident.to_string()])
                .collect::<Vec<_>>()
        };
        let alias = |reader: &mut Self, name: String, path: Vec<String>, line| {
            reader.facts.aliases.push(Alias {
                name,
                path: path.clone(),
                scope: reader.scope.clone(),
            });
            reader.name(path, line);
        };
        match tree {
            UseTree::Path(path) => self.imported(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.imported(tree, before)),
            UseTree::Glob(glob) => self.name(before.to_vec(), glob.span().start().line),
            // `use a::b::{self}` means `b`.
            UseTree::Name(name) if name.ident == "self" => {
                let called = before.last().cloned().unwrap_or_default();
                alias(self, called, before.to_vec(), name.span().start().line);
            }
            UseTree::Name(name) => alias(
                self,
                name.ident.to_string(),
                with(&name.ident),
                name.span().start().line,
            ),
            UseTree::Rename(name) => {
                let path = if name.ident == "self" {
                    before.to_vec()
                } else {
                    with(&name.ident)
                };
                alias(
                    self,
                    name.rename.to_string(),
                    path,
                    name.span().start().line,
                );
            }
        }
    }

    /// Reads the tokens of a macro call as far as they can be understood without expanding it.
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Literal(literal) => self.literal(&Lit::new(literal.clone())),
                TokenTree::Ident(ident) if ident == "await" || ident == "async" => {
                    self.facts.awaits.push(ident.span().start().line);
                }
                TokenTree::Ident(ident) => {
                    let (path, next) = path_at(&tokens, at);
                    let line = ident.span().start().line;
                    if is_macro_call(&tokens, next) {
                        self.facts
                            .macros
                            .push((path.last().cloned().unwrap_or_default(), line));
                    }
                    if path.len() > 1 {
                        self.name(path, line);
                    }
                    at = next;
                    continue;
                }
                // An attribute: documentation, most often.
                TokenTree::Punct(sign) if sign.as_char() == '#' => at += 1,
                TokenTree::Punct(_) => {}
            }
            at += 1;
        }
    }

    fn literal(&mut self, literal: &Lit) {
        if let Lit::Str(text) = literal {
            let line = text.span().start().line;
            self.facts.literals.push(Literal {
                text: text.value(),
                line,
                two_texts: self.two_texts,
            });
        }
    }

    fn function(&mut self, attrs: &[Attribute], inside: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.two_texts, attrs.iter().any(says_two_texts));
        inside(self);
        self.two_texts = before;
    }

    /// The handlers in `get(list).post(create)`. A closure is not one that could stand elsewhere.
    fn handlers(&mut self, methods: &Expr) {
        let arguments = match methods {
            Expr::Call(call) => &call.args,
            Expr::MethodCall(call) => {
                self.handlers(&call.receiver);
                &call.args
            }
            _ => return,
        };
        for argument in arguments {
            if let Expr::Path(handler) = argument {
                let line = handler.span().start().line;
                self.facts.handlers.push(Handler {
                    path: segments(&handler.path),
                    line,
                });
            }
        }
    }

    fn skip(&mut self, span: proc_macro2::Span) {
        self.facts.test_lines += span.end().line + 1 - span.start().line;
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if item_attributes(item).iter().any(is_test) {
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                self.facts.test_modules.push(module.ident.to_string());
            }
            return self.skip(item.span());
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attrs = match item {
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Const(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if attrs.iter().any(is_test) {
            return self.skip(item.span());
        }
        visit::visit_impl_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.facts
            .modules
            .push((module.ident.to_string(), module.span().start().line));
        self.scope.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.scope.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.facts.functions.insert(item.sig.ident.to_string());
        self.function(&item.attrs, |reader| visit::visit_item_fn(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.attrs, |reader| {
            visit::visit_impl_item_fn(reader, item);
        });
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.imported(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.name(segments(path), path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = segments(&call.path);
        let line = call.path.span().start().line;
        if name.last().is_some_and(|name| name == "routes") {
            let tokens: Vec<TokenTree> = call.tokens.clone().into_iter().collect();
            let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',');
            let handlers = tokens.split(comma).map(|handler| path_at(handler, 0).0);
            self.facts
                .handlers
                .extend(handlers.map(|path| Handler { path, line }));
        }
        self.facts
            .macros
            .push((name.last().cloned().unwrap_or_default(), line));
        self.scan(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "route"
            && let Some(methods) = call.args.get(1)
        {
            self.handlers(methods);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit(&mut self, literal: &'ast Lit) {
        self.literal(literal);
    }

    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        self.facts.awaits.push(expr.await_token.span().start().line);
        visit::visit_expr_await(self, expr);
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.facts.awaits.push(expr.async_token.span().start().line);
        visit::visit_expr_async(self, expr);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(token) = &signature.asyncness {
            self.facts.awaits.push(token.span().start().line);
        }
        visit::visit_signature(self, signature);
    }

    /// Documentation is prose and attributes are other people's words; only a path like `tokio::main` is a name.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().segments.len() > 1 {
            self.name(segments(attribute.path()), attribute.span().start().line);
        }
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect()
}
