//! `paceline health`: asks the running daemon whether it is well, for a container's health check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CliError, CliResult, Global, output};
use crate::net;

pub async fn run(global: &Global) -> CliResult {
    let settings = global.settings()?;
    let Some(mut address) = settings.http.listen else {
        let file = settings.file.display();
        return Err(CliError::Usage(format!(
            "{file} has no `[http] listen`, so nobody can be asked: add `listen = \"127.0.0.1:9187\"`"
        )));
    };
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    match net::ping(&format!("http://{address}/healthz"), None).await {
        Ok(()) => output::text("ok\n"),
        Err(why) => Err(CliError::Failed(format!("the daemon at {address} is not well: {why}"))),
    }
}
