//! E-mail over SMTP: one transaction for each recipient, text and HTML, a stable Message-ID.
//!
//! The conversation is driven step by step, since only so it is known whether an error came before
//! or after the message left: lettre's `send` hides the phase.

use std::time::Duration;

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};

use super::{Boxed, Delivery, Outgoing, Sink};
use crate::config::sinks::{Email, Tls};

/// How long any step of the conversation may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to be connected and logged in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a message may take from its sender to the server's answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(90);

/// A mailbox.
pub struct EmailSink {
    server: Email,
    to: String,
}

impl EmailSink {
    /// A mailbox behind a server.
    pub fn new(server: Email, to: &str) -> EmailSink {
        EmailSink { server, to: to.to_owned() }
    }

    /// Connects, makes the connection private and logs in. Nothing has been sent when it fails, and
    /// no other message would fare better.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Delivery> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.connect_steps()).await {
            Ok(connected) => connected,
            Err(_) => Err(Delivery::Unready("the mail server does not answer".into())),
        }
    }

    async fn connect_steps(&self) -> Result<AsyncSmtpConnection, Delivery> {
        let server = &self.server;
        let hello = ClientId::default();
        let implicit = match server.tls {
            Tls::Implicit => Some(self.tls(false)?),
            _ => None,
        };
        let address = (server.host.as_str(), server.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            address,
            Some(STEP_TIMEOUT),
            &hello,
            implicit,
            None,
        )
        .await
        .map_err(|e| unready("the mail server cannot be reached", &e))?;
        let offered = connection.can_starttls();
        match server.tls {
            Tls::Required if !offered => {
                let text = "the mail server offers no STARTTLS, and `tls` is \"required\"";
                return Err(Delivery::Unready(text.into()));
            }
            Tls::Required | Tls::Opportunistic if offered => {
                let tls = self.tls(server.tls == Tls::Opportunistic)?;
                let step = "STARTTLS failed";
                connection.starttls(tls, &hello).await.map_err(|e| unready(step, &e))?;
            }
            _ => {}
        }
        self.log_in(&mut connection).await?;
        Ok(connection)
    }

    fn tls(&self, any_certificate: bool) -> Result<TlsParameters, Delivery> {
        let refuse = |text: String| Delivery::Unready(text);
        let mut builder = TlsParameters::builder(self.server.host.clone())
            .dangerous_accept_invalid_certs(any_certificate);
        if let Some(path) = &self.server.ca_file {
            let name = path.display();
            let pem = std::fs::read(path).map_err(|e| refuse(format!("{name}: {e}")))?;
            let authority =
                Certificate::from_pem(&pem).map_err(|e| refuse(format!("{name}: {e}")))?;
            builder = builder.add_root_certificate(authority);
        }
        builder.build_rustls().map_err(|e| refuse(format!("TLS cannot be set up: {e}")))
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Delivery> {
        let (Some(user), Some(password)) = (&self.server.username, &self.server.password) else {
            return Ok(());
        };
        let bare = !connection.is_encrypted() && self.server.tls != Tls::None;
        if bare && !is_loopback(&self.server.host) {
            let text = "the mail server offers no TLS, so the password was not sent; set `tls = \
                        \"none\"` if that is meant";
            return Err(Delivery::Unready(text.into()));
        }
        let password = password.reveal().map_err(|e| Delivery::Unready(e.to_string()))?;
        let credentials = Credentials::new(user.clone(), password);
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
            .await
            .map_err(|e| unready("the mail server refuses the login", &e))?;
        Ok(())
    }

    async fn send(&self, message: Outgoing<'_>) -> Delivery {
        let mail = match compose(&self.server.from, &self.to, message) {
            Ok(mail) => mail,
            Err(text) => return Delivery::Refused(text),
        };
        let mut connection = match self.connect().await {
            Ok(connection) => connection,
            Err(delivery) => return delivery,
        };
        let sent = tokio::time::timeout(SEND_TIMEOUT, converse(&mut connection, &mail));
        let delivery = match sent.await {
            Ok(Ok(())) => Delivery::Sent,
            Ok(Err(delivery)) => delivery,
            Err(_) => return Delivery::Unknown("the mail server took too long".into()),
        };
        // How the server says goodbye changes nothing.
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, connection.quit()).await;
        delivery
    }
}

/// Hands the message over.
async fn converse(connection: &mut AsyncSmtpConnection, mail: &Message) -> Result<(), Delivery> {
    let envelope = mail.envelope();
    let from = Mail::new(envelope.from().cloned(), Vec::new());
    let step = "the mail server refuses the sender";
    connection.command(from).await.map_err(|e| fail(step, &e))?;
    for to in envelope.to() {
        let to = Rcpt::new(to.clone(), Vec::new());
        let step = "the mail server refuses the recipient";
        connection.command(to).await.map_err(|e| match fail(step, &e) {
            // The mailbox is gone: that is about every mail to it.
            Delivery::Refused(text) => Delivery::Revoked(text),
            other => other,
        })?;
    }
    let step = "the mail server takes no message now";
    connection.command(Data).await.map_err(|e| fail(step, &e))?;
    // From here on the message may have arrived, unless the server says no.
    let answer = connection.message(&mail.formatted()).await.map_err(|e| {
        if e.is_permanent() || e.is_transient() {
            fail("the mail server refuses the message", &e)
        } else {
            Delivery::Unknown(format!("the mail server's answer was lost: {e}"))
        }
    })?;
    if !answer.is_positive() {
        return Err(Delivery::Failed("the mail server did not take the message".into()));
    }
    Ok(())
}

impl Sink for EmailSink {
    fn deliver<'a>(&'a self, message: Outgoing<'a>) -> Boxed<'a, Delivery> {
        Box::pin(self.send(message))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<String, String>> {
        Box::pin(async {
            match self.connect().await {
                Ok(mut connection) => {
                    let how = if connection.is_encrypted() { "over TLS" } else { "without TLS" };
                    let _ = tokio::time::timeout(CONNECT_TIMEOUT, connection.quit()).await;
                    Ok(format!("the mail server answers, {how}"))
                }
                Err(Delivery::Unready(text)) => Err(text),
                Err(_) => Err("the mail server took too long".into()),
            }
        })
    }
}

/// An error before any message was named: it is the server's, whatever its code.
fn unready(step: &str, error: &lettre::transport::smtp::Error) -> Delivery {
    Delivery::Unready(crate::domain::notice::plain(&format!("{step}: {error}")))
}

/// 5xx stays, everything else may pass.
fn fail(step: &str, error: &lettre::transport::smtp::Error) -> Delivery {
    let text = crate::domain::notice::plain(&format!("{step}: {error}"));
    if error.is_permanent() { Delivery::Refused(text) } else { Delivery::Failed(text) }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Builds the mail. The same outbox row gives the same Message-ID at every try.
///
/// # Errors
/// A sentence, when an address is none.
pub fn compose(from: &str, to: &str, message: Outgoing<'_>) -> Result<Message, String> {
    let mailbox = |text: &str| {
        text.parse::<Mailbox>().map_err(|error| format!("a mail address is not valid: {error}"))
    };
    let from = mailbox(from)?;
    let domain = Address::domain(&from.email).to_owned();
    let Outgoing { document, id, store_id, thread, created, .. } = message;
    let since_1970 = Duration::from_millis(created.as_millisecond().unsigned_abs());
    let thread_id = format!("<{}.{store_id}@{domain}>", thread.replace(':', "-"));
    let header = |name: &'static str, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    // Out-of-office answers are not wanted (RFC 3834).
    let mail = Message::builder()
        .from(from)
        .to(mailbox(to)?)
        .date(std::time::SystemTime::UNIX_EPOCH + since_1970)
        .subject(document.subject.clone())
        .message_id(Some(format!("<outbox-{id}.{store_id}@{domain}>")))
        .references(thread_id)
        .raw_header(header("Auto-Submitted", "auto-generated"));
    mail.multipart(MultiPart::alternative_plain_html(document.text.clone(), document.html.clone()))
        .map_err(|error| format!("the mail cannot be built: {error}"))
}
