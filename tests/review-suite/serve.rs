//! The forge of an exported case, served over HTTP: each recorded answer under its own path and query, for tools that speak
//! to a forge and to nothing else.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The answers by `METHOD PATH?QUERY`, each with its status, headers and body.
#[derive(Debug)]
struct Answers {
    below: String,
    all: BTreeMap<String, Answer>,
}

#[derive(Debug, Clone)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Serves until the process ends. Says where the API is once it is there.
pub fn serve(case: &Path, listen: &str, ready: impl FnOnce(&str)) -> Result<(), String> {
    let answers = read(case)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let api = format!("http://{address}{}", answers.below);
        let router = axum::Router::new().fallback(answer).with_state(Arc::new((api.clone(), answers)));
        ready(&api);
        axum::serve(listener, router).await.map_err(|error| error.to_string())
    })
}

fn read(case: &Path) -> Result<Answers, String> {
    let json = |path: &Path| -> Result<Value, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
    };
    let asked = json(&case.join("case.json"))?;
    let Some(below) = asked["forge"]["below"].as_str() else {
        return Err(format!("{}: no forge takes part in this case", case.display()));
    };
    let folder = case.join("forge");
    let told = json(&folder.join("forge.json"))?;
    let mut all = BTreeMap::new();
    for told in told["answers"].as_array().into_iter().flatten() {
        let text = |name: &str| told[name].as_str().unwrap_or_default();
        let path = folder.join(text("body"));
        let body = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let headers = told["headers"].as_object().into_iter().flatten();
        let headers = headers.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect();
        let status = told["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
        all.insert(format!("{} {}", text("method"), text("path")), Answer { status, headers, body });
    }
    Ok(Answers { below: below.to_owned(), all })
}

impl Answers {
    /// The answer to exactly this question; else to the same path with the same page, whatever else the query says, since
    /// tools ask for pages of different sizes.
    fn of(&self, asked: &str) -> Option<&Answer> {
        let page = |name: &str| {
            let query = name.split_once('?').map_or("", |(_, query)| query);
            let page = query.split('&').find_map(|pair| pair.strip_prefix("page=")).unwrap_or("1");
            page.to_owned()
        };
        let path = |name: &str| name.split_once('?').map_or(name, |(path, _)| path).to_owned();
        let alike = |name: &&String| path(name) == path(asked) && page(name) == page(asked);
        self.all.get(asked).or_else(|| self.all.keys().find(alike).and_then(|name| self.all.get(name)))
    }
}

async fn answer(State(shared): State<Arc<(String, Answers)>>, request: Request) -> Response<Body> {
    let (api, answers) = &*shared;
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let below = path.strip_prefix(answers.below.as_str()).unwrap_or(&path);
    let found = answers.of(&format!("{} {below}", request.method()));
    let missing = || Answer { status: 404, headers: Vec::new(), body: br#"{"message":"Not Found"}"#.to_vec() };
    let found = found.cloned().unwrap_or_else(missing);
    let mut response = Response::builder().status(found.status);
    for (name, value) in &found.headers {
        response = response.header(name, value.replace("{api}", api));
    }
    response.body(Body::from(found.body)).expect("an answer")
}
