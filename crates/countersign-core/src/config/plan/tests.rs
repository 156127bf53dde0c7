//! Plans: what each kind of setting comes to.

use super::*;
use serde_json::json;

fn plan(changes: &Value) -> Plan {
    let plan =
        json!({"format_version": "1.2", "terraform_version": "1.9.0", "complete": true, "resource_changes": changes});
    Plan::read(plan.to_string().as_bytes()).unwrap()
}

fn change(kind: &str, actions: &[&str], after: &Value, unknown: &Value) -> Value {
    json!({"address": format!("{kind}.x"), "type": kind, "mode": "managed",
        "change": {"actions": actions, "before": null, "after": after, "after_unknown": unknown}})
}

fn states(kind: &str, after: &Value, unknown: &Value) -> Vec<&'static str> {
    let plan = plan(&json!([change(kind, &["create"], after, unknown)]));
    plan.known[0].settings.iter().map(|setting| setting.state.word()).collect()
}

#[test]
fn what_is_known_only_after_the_plan_is_applied_is_unknown_and_never_off() {
    let kind = "aws_elasticache_replication_group";
    assert_eq!(states(kind, &json!({"transit_encryption_enabled": true}), &json!({})), ["on"]);
    assert_eq!(states(kind, &json!({"transit_encryption_enabled": false}), &json!({})), ["off"]);
    assert_eq!(states(kind, &json!({}), &json!({"transit_encryption_enabled": true})), ["unknown"]);
    assert_eq!(states(kind, &json!({"transit_encryption_enabled": null}), &json!({})), ["unknown"]);
    assert_eq!(states(kind, &json!(null), &json!(true)), ["unknown"]);
    // A block of which a part is not known.
    let sql = "google_sql_database_instance";
    let block = |mode: &Value| json!({"settings": [{"ip_configuration": [{"ssl_mode": mode}]}]});
    assert_eq!(states(sql, &block(&json!("ENCRYPTED_ONLY")), &json!({})), ["on"]);
    assert_eq!(states(sql, &block(&json!("ALLOW_UNENCRYPTED_AND_ENCRYPTED")), &json!({})), ["off"]);
    assert_eq!(
        states(sql, &json!({"settings": [{}]}), &json!({"settings": [{"ip_configuration": true}]})),
        ["unknown"]
    );
    assert_eq!(states(sql, &json!({}), &json!({})), ["unknown"]);
}

#[test]
fn a_parameter_group_is_looked_into_only_where_the_plan_has_it() {
    let group = |value: &str| {
        change(
            "aws_db_parameter_group",
            &["create"],
            &json!({"name": "pg", "parameter": [{"name": "rds.force_ssl", "value": value}, {"name": "x", "value": "0"}]}),
            &json!({}),
        )
    };
    let instance = |name: &Value, unknown: &Value| {
        change("aws_db_instance", &["create"], &json!({"parameter_group_name": name}), unknown)
    };
    let said = |changes: &Value| plan(changes).known[0].settings[0].state.word();
    assert_eq!(said(&json!([instance(&json!("pg"), &json!({})), group("1")])), "on");
    assert_eq!(said(&json!([instance(&json!("pg"), &json!({})), group("0")])), "off");
    assert_eq!(said(&json!([instance(&json!("other"), &json!({})), group("1")])), "unknown");
    assert_eq!(said(&json!([instance(&json!(null), &json!({"parameter_group_name": true})), group("1")])), "unknown");
    assert_eq!(said(&json!([group("on")])), "on");
}

#[test]
fn audit_logs_are_seen_to_be_switched_off_emptied_shortened_and_replaced() {
    let trail = |logging: bool, excluded: &Value| {
        json!({"enable_logging": logging, "include_global_service_events": true, "enable_log_file_validation": true,
            "event_selector": [{"exclude_management_event_sources": excluded}]})
    };
    assert_eq!(states("aws_cloudtrail", &trail(true, &json!([])), &json!({})), ["on"; 4]);
    assert_eq!(
        states("aws_cloudtrail", &trail(false, &json!(["kms.amazonaws.com"])), &json!({})),
        ["off", "off", "on", "on"]
    );
    assert_eq!(
        states("google_logging_project_sink", &json!({"disabled": null, "exclusions": []}), &json!({})),
        ["on", "on"]
    );
    assert_eq!(
        states("google_logging_project_sink", &json!({"exclusions": [{"filter": "x"}]}), &json!({"disabled": true})),
        ["unknown", "off"]
    );
    assert_eq!(states("google_logging_project_exclusion", &json!({"filter": "x"}), &json!({})), ["off"]);
    assert_eq!(states("azurerm_monitor_diagnostic_setting", &json!({"enabled_log": []}), &json!({})), ["off"]);
    assert_eq!(states("aws_eks_cluster", &json!({"enabled_cluster_log_types": ["api"]}), &json!({})), ["off"]);
    let bucket = |before: u32, after: u32| {
        let mut one =
            change("google_logging_project_bucket_config", &["update"], &json!({"retention_days": after}), &json!({}));
        one["change"]["before"] = json!({"retention_days": before});
        plan(&json!([one])).known[0].settings[0].state.word()
    };
    assert_eq!((bucket(400, 30), bucket(30, 400)), ("off", "on"));
    let action =
        |words: &[&str]| plan(&json!([change("aws_cloudtrail", words, &json!(null), &json!({}))])).known[0].action;
    assert_eq!(action(&["delete"]), Action::Delete);
    assert_eq!(action(&["delete", "create"]), Action::Replace);
    assert_eq!(action(&["create", "delete"]), Action::Replace);
    assert_eq!(action(&["forget"]), Action::Forget);
    assert_eq!(action(&["something"]), Action::Unknown);
}

#[test]
fn what_is_no_plan_or_only_a_part_of_one_is_said() {
    for bad in [
        json!({}),
        json!({"format_version": "1.0"}),
        json!({"format_version": "2.0", "resource_changes": []}),
        json!({"format_version": "1.0", "values": {}}),
        json!({"format_version": "1.0", "resource_changes": [{"address": "a"}]}),
        json!({"format_version": "1.0", "resource_changes": [{"address": "a", "type": "aws_cloudtrail", "change": {}}]}),
    ] {
        assert!(Plan::read(bad.to_string().as_bytes()).is_err(), "{bad}");
    }
    let part = json!({"format_version": "1.2", "resource_changes": [], "errored": true});
    let part = Plan::read(part.to_string().as_bytes()).unwrap();
    assert!(part.cut_short && part.complete.is_none());
    let deferred =
        json!({"format_version": "1.2", "resource_changes": [], "complete": false, "deferred_changes": [{}]});
    let deferred = Plan::read(deferred.to_string().as_bytes()).unwrap();
    assert_eq!((deferred.cut_short, deferred.complete), (true, Some(false)));
}
