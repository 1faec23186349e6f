//! Placement constraints of a definition (TD-66).

use super::document::{Document, objects, text};
use super::{Checked, refuse};
use plimsoll_placement::Expression;

/// Constraints of a definition (TD-66).
const CONSTRAINTS_MAX: usize = 10;

pub(super) fn check(document: &Document<'_>) -> Checked {
    let count = objects(document.root, "placementConstraints").count();
    if count > CONSTRAINTS_MAX {
        return refuse(format!("{count} placement constraints given, the maximum is {CONSTRAINTS_MAX}."));
    }
    for constraint in objects(document.root, "placementConstraints") {
        if text(constraint, "type") != Some("memberOf") {
            return refuse("A task definition supports placement constraints of type memberOf only.");
        }
        let expression = text(constraint, "expression").unwrap_or_default();
        if expression.is_empty() {
            return refuse("A placement constraint of type memberOf needs an expression.");
        }
        if let Err(error) = Expression::parse(expression) {
            return refuse(format!("Invalid placement constraint expression. {error}"));
        }
    }
    Ok(())
}
