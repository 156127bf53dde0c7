//! The kinds of resource that are looked at, and how each of their settings has to be.

use super::{PlanRole, State};

/// How a setting has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Test {
    /// True; `absent` is what it means that it is not there.
    Truth { absent: State },
    /// False.
    False { absent: State },
    /// One of these words, in lower case.
    Words { on: &'static [&'static str], off: &'static [&'static str] },
    /// Nothing stands there.
    Empty,
    /// Something stands there.
    NotEmpty,
    /// A list that holds this word.
    Holds { word: &'static str },
    /// A list of `name` and `value` in which one of these names has one of these values.
    Parameter { names: &'static [&'static str], on: &'static [&'static str] },
    /// The name of a resource of this kind, in which [`Test::Parameter`] holds.
    Group { kind: &'static str, names: &'static [&'static str], on: &'static [&'static str] },
    /// A number that is not less than before.
    NotLess,
}

/// A kind of resource.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) role: PlanRole,
    /// What it is about, the path, and how it has to be.
    pub(super) settings: &'static [(&'static str, &'static str, Test)],
}

const CONNECTIONS: &str = "encrypted-connections";
const ENABLED: &str = "enabled";
const WHOLE: &str = "nothing-excluded";
const RETENTION: &str = "retention";

/// The parameters of RDS with which a database takes encrypted connections only.
const RDS_NAMES: &[&str] = &["rds.force_ssl", "require_secure_transport"];
const RDS_ON: &[&str] = &["1", "on", "true"];

const fn database(name: &'static str, settings: &'static [(&'static str, &'static str, Test)]) -> Kind {
    Kind { name, role: PlanRole::Database, settings }
}

const fn audit(name: &'static str, settings: &'static [(&'static str, &'static str, Test)]) -> Kind {
    Kind { name, role: PlanRole::AuditLog, settings }
}

/// True, and unknown where it is not there.
const TRUTH: Test = Test::Truth { absent: State::Unknown };

/// The kinds.
pub(super) const KINDS: &[Kind] = &[
    database(
        "aws_db_instance",
        &[(
            CONNECTIONS,
            "parameter_group_name",
            Test::Group { kind: "aws_db_parameter_group", names: RDS_NAMES, on: RDS_ON },
        )],
    ),
    database(
        "aws_rds_cluster",
        &[(
            CONNECTIONS,
            "db_cluster_parameter_group_name",
            Test::Group { kind: "aws_rds_cluster_parameter_group", names: RDS_NAMES, on: RDS_ON },
        )],
    ),
    database("aws_db_parameter_group", &[(CONNECTIONS, "parameter", Test::Parameter { names: RDS_NAMES, on: RDS_ON })]),
    database(
        "aws_rds_cluster_parameter_group",
        &[(CONNECTIONS, "parameter", Test::Parameter { names: RDS_NAMES, on: RDS_ON })],
    ),
    database(
        "aws_docdb_cluster_parameter_group",
        &[(
            CONNECTIONS,
            "parameter",
            Test::Parameter { names: &["tls"], on: &["enabled", "tls1.2+", "tls1.3+", "fips-140-3"] },
        )],
    ),
    database(
        "aws_redshift_parameter_group",
        &[(CONNECTIONS, "parameter", Test::Parameter { names: &["require_ssl"], on: &["true", "1"] })],
    ),
    database("aws_elasticache_replication_group", &[(CONNECTIONS, "transit_encryption_enabled", TRUTH)]),
    database(
        "aws_dms_endpoint",
        &[(CONNECTIONS, "ssl_mode", Test::Words { on: &["require", "verify-ca", "verify-full"], off: &["none"] })],
    ),
    database(
        "google_sql_database_instance",
        &[(
            CONNECTIONS,
            "settings.ip_configuration.ssl_mode",
            Test::Words {
                on: &["encrypted_only", "trusted_client_certificate_required"],
                off: &["allow_unencrypted_and_encrypted"],
            },
        )],
    ),
    database("azurerm_postgresql_server", &[(CONNECTIONS, "ssl_enforcement_enabled", TRUTH)]),
    database("azurerm_mysql_server", &[(CONNECTIONS, "ssl_enforcement_enabled", TRUTH)]),
    database("azurerm_mariadb_server", &[(CONNECTIONS, "ssl_enforcement_enabled", TRUTH)]),
    database(
        "azurerm_mssql_server",
        &[(CONNECTIONS, "minimum_tls_version", Test::Words { on: &["1.2", "1.3"], off: &["disabled", "1.0", "1.1"] })],
    ),
    database("azurerm_redis_cache", &[(CONNECTIONS, "non_ssl_port_enabled", Test::False { absent: State::Unknown })]),
    audit(
        "aws_cloudtrail",
        &[
            (ENABLED, "enable_logging", TRUTH),
            (WHOLE, "event_selector.exclude_management_event_sources", Test::Empty),
            (WHOLE, "include_global_service_events", TRUTH),
            ("validated", "enable_log_file_validation", TRUTH),
        ],
    ),
    audit("aws_cloudtrail_event_data_store", &[(RETENTION, "retention_period", Test::NotLess)]),
    audit("aws_config_configuration_recorder_status", &[(ENABLED, "is_enabled", TRUTH)]),
    audit("aws_flow_log", &[]),
    audit("aws_eks_cluster", &[(ENABLED, "enabled_cluster_log_types", Test::Holds { word: "audit" })]),
    audit("google_logging_project_sink", SINK),
    audit("google_logging_folder_sink", SINK),
    audit("google_logging_organization_sink", SINK),
    audit("google_logging_project_exclusion", EXCLUSION),
    audit("google_logging_folder_exclusion", EXCLUSION),
    audit("google_logging_organization_exclusion", EXCLUSION),
    audit("google_logging_project_bucket_config", &[(RETENTION, "retention_days", Test::NotLess)]),
    audit("google_project_iam_audit_config", AUDIT_CONFIG),
    audit("google_folder_iam_audit_config", AUDIT_CONFIG),
    audit("google_organization_iam_audit_config", AUDIT_CONFIG),
    audit("azurerm_monitor_diagnostic_setting", &[(ENABLED, "enabled_log", Test::NotEmpty)]),
    audit("azurerm_mssql_server_extended_auditing_policy", AZURE_AUDITING),
    audit("azurerm_mssql_database_extended_auditing_policy", AZURE_AUDITING),
];

const SINK: &[(&str, &str, Test)] =
    &[(ENABLED, "disabled", Test::False { absent: State::On }), (WHOLE, "exclusions", Test::Empty)];
/// An exclusion is there to leave entries out: only one that is switched off is not.
const EXCLUSION: &[(&str, &str, Test)] = &[(WHOLE, "disabled", Test::Truth { absent: State::Off })];
const AUDIT_CONFIG: &[(&str, &str, Test)] = &[(WHOLE, "audit_log_config.exempted_members", Test::Empty)];
const AZURE_AUDITING: &[(&str, &str, Test)] =
    &[(ENABLED, "enabled", Test::Truth { absent: State::On }), (RETENTION, "retention_in_days", Test::NotLess)];
