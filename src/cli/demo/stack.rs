//! What the invented company uses: vendors that stand in for the real ones, and the configuration that reads them.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::cli::CliError;
use crate::simulate::{Company, google, hubspot, marketo, pipedrive, salesforce};

/// The vendors' limits would only make the demo wait.
const NO_LIMITS: &str = "[limits]\nenforce = false\n";
/// Time stands still in a demo, so each look at a job moves it on.
const NO_WAITS: &str = "[limits]\nenforce = false\nstatus_secs = 0\n";

/// What the company uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Stack {
    /// HubSpot, and files of its website.
    Hubspot,
    /// Pipedrive and Google Analytics.
    Pipedrive,
    /// Salesforce, Marketo, Google Analytics and Search Console.
    Salesforce,
}

/// The vendors that run.
#[derive(Default)]
pub struct Simulated {
    hubspot: Option<(hubspot::Simulator, Arc<Mutex<hubspot::Portal>>)>,
    pipedrive: Option<(pipedrive::Simulator, Arc<Mutex<pipedrive::Account>>)>,
    salesforce: Option<(salesforce::Simulator, Arc<Mutex<salesforce::Org>>)>,
    marketo: Option<(marketo::Simulator, Arc<Mutex<marketo::Instance>>)>,
    google: Option<(google::Simulator, Arc<Mutex<google::Property>>)>,
    now: Arc<Mutex<Timestamp>>,
}

/// The clock of a vendor.
type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

fn set<T>(place: &Mutex<T>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

fn cannot_start(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("a simulated vendor cannot be started: {error}"))
}

impl Simulated {
    /// Starts the vendors of a stack, which hold nothing yet.
    pub async fn start(stack: Stack, now: Timestamp) -> Result<Simulated, CliError> {
        let mut own = Simulated { now: Arc::new(Mutex::new(now)), ..Simulated::default() };
        let shared = Arc::clone(&own.now);
        let clock: Now = Arc::new(move || *shared.lock().unwrap_or_else(PoisonError::into_inner));
        match stack {
            Stack::Hubspot => own.start_hubspot(&clock).await?,
            Stack::Pipedrive => own.start_pipedrive(&clock).await?,
            Stack::Salesforce => {
                own.start_salesforce(&clock).await?;
                own.start_marketo(&clock).await?;
            }
        }
        if stack != Stack::Hubspot {
            own.start_google(&clock, now).await?;
        }
        Ok(own)
    }

    async fn start_hubspot(&mut self, clock: &Now) -> Result<(), CliError> {
        let portal = Arc::new(Mutex::new(hubspot::Portal::empty()));
        let faults = hubspot::Faults::from_toml(NO_LIMITS).map_err(cannot_start)?;
        let started =
            hubspot::Simulator::start(Arc::clone(&portal), faults, Arc::clone(clock), 0).await;
        self.hubspot = Some((started.map_err(cannot_start)?, portal));
        Ok(())
    }

    async fn start_pipedrive(&mut self, clock: &Now) -> Result<(), CliError> {
        let account = Arc::new(Mutex::new(pipedrive::Account::empty()));
        let faults = pipedrive::Faults::from_toml(NO_LIMITS).map_err(cannot_start)?;
        let started =
            pipedrive::Simulator::start(Arc::clone(&account), faults, Arc::clone(clock), 0).await;
        self.pipedrive = Some((started.map_err(cannot_start)?, account));
        Ok(())
    }

    async fn start_salesforce(&mut self, clock: &Now) -> Result<(), CliError> {
        let org = Arc::new(Mutex::new(salesforce::Org::empty()));
        let faults = salesforce::Faults::from_toml(NO_LIMITS).map_err(cannot_start)?;
        let started =
            salesforce::Simulator::start(Arc::clone(&org), faults, Arc::clone(clock), 0).await;
        self.salesforce = Some((started.map_err(cannot_start)?, org));
        Ok(())
    }

    async fn start_marketo(&mut self, clock: &Now) -> Result<(), CliError> {
        let instance = Arc::new(Mutex::new(marketo::Instance::empty()));
        let faults = marketo::Faults::from_toml(NO_WAITS).map_err(cannot_start)?;
        let started =
            marketo::Simulator::start(Arc::clone(&instance), faults, Arc::clone(clock), 0).await;
        self.marketo = Some((started.map_err(cannot_start)?, instance));
        Ok(())
    }

    async fn start_google(&mut self, clock: &Now, now: Timestamp) -> Result<(), CliError> {
        let property = Arc::new(Mutex::new(google::generated(0, 0, now)));
        let faults = google::Faults::from_toml(NO_LIMITS).map_err(cannot_start)?;
        let started =
            google::Simulator::start(Arc::clone(&property), faults, Arc::clone(clock), 0).await;
        self.google = Some((started.map_err(cannot_start)?, property));
        Ok(())
    }

    /// The vendors know what the company's people had entered by then.
    pub fn stand_at(&self, company: &Company, now: Timestamp) {
        set(&self.now, now);
        if let Some((_, portal)) = &self.hubspot {
            set(portal, company.portal_at(now));
        }
        if let Some((_, account)) = &self.pipedrive {
            set(account, company.account_at(now));
        }
        if let Some((_, org)) = &self.salesforce {
            set(org, company.org_at(now));
        }
        if let Some((_, instance)) = &self.marketo {
            set(instance, company.instance_at(now));
        }
        if let Some((_, property)) = &self.google {
            set(property, company.property_at(now));
        }
    }

    /// Whether the website writes files.
    pub fn has_files(&self) -> bool {
        self.hubspot.is_some()
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        let counts = [
            self.hubspot.as_ref().map(|(own, _)| own.requests().total),
            self.pipedrive.as_ref().map(|(own, _)| own.requests().total),
            self.salesforce.as_ref().map(|(own, _)| own.requests().total),
            self.marketo.as_ref().map(|(own, _)| own.requests().total),
            self.google.as_ref().map(|(own, _)| own.requests().total),
        ];
        counts.into_iter().flatten().sum()
    }

    /// The files of secrets, which are none.
    pub fn secrets(&self) -> Vec<(&'static str, String)> {
        let simulated = || "simulated\n".to_owned();
        let mut secrets = Vec::new();
        if self.hubspot.is_some() {
            secrets.push(("token", simulated()));
        }
        if self.pipedrive.is_some() {
            secrets.push(("pipedrive-token", simulated()));
        }
        if self.salesforce.is_some() {
            secrets.push(("salesforce-secret", simulated()));
            secrets.push(("marketo-secret", simulated()));
        }
        if let Some((google, _)) = &self.google {
            let key = google::service_account(&format!("{}/token", google.base_url()));
            secrets.push(("service-account.json", key));
        }
        secrets
    }

    /// The shipped configuration, with the simulated vendors in the place of the real ones.
    pub fn configuration(&self) -> Result<String, CliError> {
        if let Some((hubspot, _)) = &self.hubspot {
            return Ok(hubspot_configuration(&hubspot.base_url()));
        }
        let urls = [
            self.pipedrive.as_ref().map(|(own, _)| ("pipedrive", own.base_url())),
            self.salesforce.as_ref().map(|(own, _)| ("salesforce", own.base_url())),
            self.marketo.as_ref().map(|(own, _)| ("marketo", own.base_url())),
            self.google.as_ref().map(|(own, _)| ("ga4", own.base_url())),
            self.google.as_ref().map(|(own, _)| ("search-console", own.base_url())),
        ];
        let example = match self.salesforce {
            Some(_) => include_str!("../../../config/examples/stack-salesforce.toml"),
            None => include_str!("../../../config/examples/stack-pipedrive.toml"),
        };
        let real = |line: &&str| !line.starts_with("base_url = ");
        let mut sources: String =
            example.lines().filter(real).map(|line| format!("{line}\n")).collect();
        for (kind, url) in urls.into_iter().flatten() {
            let kind = format!("kind = \"{kind}\"\n");
            let simulated = format!("{kind}base_url = \"{url}\"\nrate_limit = \"none\"\n");
            sources = sources.replacen(&kind, &simulated, 1);
        }
        let shipped = include_str!("../../../config/paceline.toml");
        let (before, rest) = shipped.split_once("[source.crm]\n").unwrap_or((shipped, ""));
        let (_, after) = rest.split_once("\n# [source.sales]").unwrap_or(("", rest));
        Ok(format!("{before}{sources}\n# [source.sales]{after}"))
    }
}

/// The shipped configuration, with the simulated HubSpot in the place of the vendor.
pub fn hubspot_configuration(base_url: &str) -> String {
    let shipped = include_str!("../../../config/paceline.toml");
    let simulated = format!(
        "token = {{ file = \"token\" }}\nbase_url = \"{base_url}\"\nrate_limit = \"none\" "
    );
    shipped.replacen("token = { env = \"HUBSPOT_TOKEN\" }", &simulated, 1)
}
