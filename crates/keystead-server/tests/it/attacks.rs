//! Attacks on the running server, each module named by its class in the project's list.

mod class_07_code_replay;
mod class_08_pkce_downgrade;
mod class_09_refresh_reuse;
mod class_10_escalation;
mod class_11_audience_confusion;
mod class_12_key_confusion;
mod class_13_assertion_replay;
mod class_15_disabled;
mod class_16_lost_settings;
mod class_19_cross_feeding;
mod class_31_malleable_tokens;
mod class_32_enumeration;
mod class_33_denial_of_service;
mod class_34_forwarded;
