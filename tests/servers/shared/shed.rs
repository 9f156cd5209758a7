//! Load shedding at the HTTP edge: requests beyond a limit are refused before they are read.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header::RETRY_AFTER},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

/// Allows so many requests in flight, long-lived streams not counted. Others get status 503 at once.
pub(crate) fn around(router: Router, max_in_flight: usize) -> Router {
    let places = Arc::new(Semaphore::new(max_in_flight));
    router.layer(middleware::from_fn_with_state(places, shed))
}

async fn shed(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let listen = HeaderValue::from_static("subscriptions/listen");
    if request.method() == Method::GET || request.headers().get("mcp-method") == Some(&listen) {
        return next.run(request).await;
    }
    let Ok(place) = places.try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    };
    // In a session the head of a response comes before the tool has run: the body holds the place.
    next.run(request).await.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &place;
            frame
        }))
    })
}
