//! An RSA key that was made for the simulator and opens nothing.

/// Its PKCS #1 form.
const DER: &[&str] = &[
    "MIIEowIBAAKCAQEA86iJhwL+fXTlBrQZPCj4GD5Okdk5a3+fpBCsyT/1qU+YEbqdCNZ7YfBzHnUGjZOJLgq4hqGTR8ST/VIr",
    "WfOIYXdH4YtfQBSx7TB4i1pAnXJ/ygClK5HWz8d5pA2gZ8u1bk/v3pI7nerNZSzl7XsUEnfjT8DAyKmD0wVgrXXASD0IvTkL",
    "3pz9lO3ONegynmhDk/bJAPSOoU0Jo6XX1/oyfhgITl4Lo0HSBGZX6H0IyRfmWqrSookIZjaGwofo1Hq1ab4ITCBSDnY2E1Y0",
    "OL8oJ3hRfxoFnY1cYa5CATaUsgIMz7D8CNBIymP6g8fYmx8GJTVpGW706yi7zBTa4R/FMwIDAQABAoIBAAFUvFuWcplw2Adv",
    "WGvxtVk8jeVSEHQ74D1fMfJvfQINw0DlihIQSeBBFf/ml8CSO7+ao2No4osT0dMibcYyBF6z7hqXTk/lTQuEpkPsnEm/5F7Q",
    "Hhbc1xWPe2SgBm5KuJT/rsnCdrzoGXMiCaeAcp2fNgirfuIZuvSeJOcNq505ZWZBqW/JRskErXiMzS/YN5QGeocE+m6eeQMQ",
    "iktAzsheYkcrwEAZZvljvcWPBGpt+mCDR/N09RorYyVe+3vm7pLa5i1eRSd5iGDmaCr+CZEXCvSTg3PqNzhI2OaGP5mBEOnO",
    "nhY2Xt86GjnG8+fgsb5QiqTojQmLIGz01OK0w8ECgYEA/HdrCz5hyHDAc4jEBsn9t5cvNF/x48hm6tIDnH8Scedoi3sM4UpU",
    "efbmt0YGGM0/uk46rQFVro9hoDHb3L8nMHVmHj4iMVyK/5UoeWeqUoUKzEJH+NojbaaenEIAhALZSXnJHpmPMDXbIobpQh2S",
    "dZkOzV8AHXi4Fy+FhLHPsVECgYEA9xGPS2Onfd57qeNK+U/WON1GeGJvwJZ21MfxWYdQIP+vBnCdYM0E46SVrgG4vlLNlYet",
    "UAHNaMPjsRtOeZLiMig02iGx9IrQJQV7oBK452ulQ7jo6Wr6/4j1Dpk0i9sEtdb0z/g5K3XN4hXFElI3BoeoEWUy0DqL1pup",
    "MVS/TUMCgYEA1mjsxe3CyaHIL9aU9FcTXJnPAyIAojyN+xtE6eGZXpby2JI2TBb+S15+bmPPxbx6RNUvS8J4a/llJdFyMbU9",
    "qQ/rHAAUtessOQcKCqEZq19F3lbkHNnVgMgip/39xh9NPfNp9MzhKEZ0xovhCb9npOvKAGyQAneFkFtRf3IrOyECgYAkfSxr",
    "lvEyrrwW0CHPhlH+Hff9aZRVniM4s7raXRihdwGTcuhbVowlTrZod4qgWTxRnDMlgM6kbWHgU0cYv2+2tqdvm9BbbHDnNtMW",
    "Rg2W6BgFU3bamlktij2fBVN0YElmzbNkT6Wp3IEmpc5wMUI9LaXNw+NoS21BqcWoKnsCXwKBgFHqmp0pOeyleCVZ1Q9hY/Oq",
    "ryFqs87zTRTnqD8DmcNMNLr4AVdSmI64naUbtAblzvmM0nKg3zgK1YO57/+dLhgCbWMPrAPz6y4SuGLQd1pgZXPtD4fd+q6L",
    "SfAp+NQtKeLl89+/Tl0FJ9ePzE5xqBPFmqkECt45Lto8iU9NLeHM",
];

/// The key file of an invented service account, whose tokens are asked for at an address.
pub fn service_account(token_url: &str) -> String {
    let label = ["RSA", "PRIVATE", "KEY"].join(" ");
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", DER.join("\n"));
    serde_json::json!({
        "type": "service_account",
        "client_email": "paceline@invented.iam.gserviceaccount.com",
        "private_key": pem,
        "token_uri": token_url,
    })
    .to_string()
}
