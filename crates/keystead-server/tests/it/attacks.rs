//! Attacks on the running server, each module named by its class in the project's list.

mod class_01_redirect_uri;
mod class_02_wildcards;
mod class_03_loopback;
mod class_04_open_redirect;
mod class_05_response_modes;
mod class_06_stored_script;
mod class_07_code_replay;
mod class_08_pkce_downgrade;
mod class_09_refresh_reuse;
mod class_10_escalation;
mod class_11_audience_confusion;
mod class_12_key_confusion;
mod class_13_assertion_replay;
mod class_15_disabled;
mod class_15_sessions;
mod class_16_lost_settings;
mod class_17_fixation;
mod class_18_csrf;
mod class_19_cross_feeding;
mod class_20_account_linking;
mod class_23_host_header;
mod class_31_malleable_tokens;
mod class_32_enumeration;
mod class_33_denial_of_service;
mod class_34_forwarded;
