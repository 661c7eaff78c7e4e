//! stub
use super::what_if::WhatIf;
use crate::rules::Rules;
use spark_runtime::replay::Backtest;
pub(super) fn page(_: &Rules, _: Option<&WhatIf>, _: &Backtest) -> String {
    String::new()
}
