//! Tower layers: one verifies, one demands a scope or a permission.

use std::{
    future::{self, Future},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Claims, Refusal, Verifier};

/// Verifies the bearer token of each request and puts its [`Claims`] into the request's extensions; answers for the
/// service if there is none or it is not good.
///
/// The response body must be made from a [`String`], as those of axum and of `http-body-util` can be.
#[derive(Debug, Clone)]
pub struct BearerLayer {
    verifier: Verifier,
    token: Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Required,
    Optional,
}

impl BearerLayer {
    /// Every request needs a token.
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            token: Token::Required,
        }
    }

    /// Requests without a token pass, without claims. A token that is not good is refused all the same.
    #[must_use]
    pub fn optional(self) -> Self {
        Self {
            token: Token::Optional,
            ..self
        }
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> BearerService<S> {
        BearerService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`BearerLayer`] makes.
#[derive(Debug, Clone)]
pub struct BearerService<S> {
    inner: S,
    layer: BearerLayer,
}

/// An answer to come.
pub type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for BearerService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<Response<R>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone that is kept has not been asked whether it is ready; the one that was serves this request.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let BearerLayer { verifier, token } = self.layer.clone();
        Box::pin(async move {
            let query = request.uri().query();
            match verifier.verify_request(request.headers(), query).await {
                Ok(Some(claims)) => {
                    request.extensions_mut().insert(claims);
                }
                Ok(None) if token == Token::Optional => {}
                Ok(None) => return Ok(Refusal::NoToken.response()),
                Err(why) => return Ok(why.response()),
            }
            inner.call(request).await
        })
    }
}

/// Demands a scope or a permission of requests that have passed a [`BearerLayer`].
#[derive(Debug, Clone)]
pub struct Require {
    demand: fn(&Claims, &str) -> Result<(), Refusal>,
    value: Arc<str>,
}

impl Require {
    /// As [`Claims::require_scope`].
    pub fn scope(scope: impl Into<Arc<str>>) -> Self {
        Self {
            demand: Claims::require_scope,
            value: scope.into(),
        }
    }

    /// As [`Claims::require_permission`].
    pub fn permission(permission: impl Into<Arc<str>>) -> Self {
        Self {
            demand: Claims::require_permission,
            value: permission.into(),
        }
    }

    fn check(&self, claims: Option<&Claims>) -> Result<(), Refusal> {
        (self.demand)(claims.ok_or(Refusal::NoToken)?, &self.value)
    }
}

impl<S> Layer<S> for Require {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService {
            inner,
            require: self.clone(),
        }
    }
}

/// The service that [`Require`] makes.
#[derive(Debug, Clone)]
pub struct RequireService<S> {
    inner: S,
    require: Require,
}

impl<S, B, R> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: From<String> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<Response<R>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.require.check(request.extensions().get()) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(why) => Box::pin(future::ready(Ok(why.response()))),
        }
    }
}
