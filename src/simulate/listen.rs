//! The listener of a simulated vendor: one task for each connection, on loopback only.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::wire::{self, Answer, Request};

/// What answers the requests.
pub(super) trait Service: Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, request: &Request) -> Answer;

    /// The vendor's time, which its answers tell.
    fn now(&self) -> Timestamp;
}

/// A test that panicked while it held the lock must not take the server with it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a port; 0 takes any free one.
pub(super) async fn bind(port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Serves until the task is aborted.
pub(super) fn spawn<S: Service>(listener: TcpListener, service: Arc<S>) -> JoinHandle<()> {
    tokio::spawn(accept(listener, service))
}

async fn accept<S: Service>(listener: TcpListener, service: Arc<S>) {
    // The set aborts its connections when this task is aborted.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&service)));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection until either side closes it.
async fn serve<S: Service>(stream: TcpStream, service: Arc<S>) {
    // A simulator on loopback works without it, only slower.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = wire::receive(&stream, &mut buffer).await {
        let mut answer = service.answer(&request);
        let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", service.now());
        answer.headers.push(("Date", date.unwrap_or_default()));
        match wire::reply(&stream, &request, &answer).await {
            Ok(true) => {}
            _ => return,
        }
    }
}
