//! The ways in which rules are changed.

/// A way in which rules are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `>` for `>=`, `<` for `<=`, `==` for `!=`, and back.
    Relation,
    /// A threshold one step of its last digit up or down.
    ThresholdStep,
    /// A threshold twice as large.
    ThresholdDouble,
    /// A `for` or a `within` one evaluation longer or shorter.
    Length,
    /// `and` for `or`, and back.
    Connective,
    /// A `not` left out.
    DroppedNot,
    /// A `not` put before a flag.
    AddedNot,
    /// A `clear when` left out.
    DroppedClear,
    /// A `given` left out.
    DroppedGiven,
    /// A name after `unless` left out.
    DroppedUnless,
    /// A `then rollback after` left out.
    DroppedRollbackAfter,
    /// A `then rollback after` one evaluation longer or shorter.
    RollbackAfter,
    /// Two levels with each other's condition.
    SwappedLevels,
}

impl Kind {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relation => "relation",
            Self::ThresholdStep => "threshold-step",
            Self::ThresholdDouble => "threshold-double",
            Self::Length => "length",
            Self::Connective => "connective",
            Self::DroppedNot => "dropped-not",
            Self::AddedNot => "added-not",
            Self::DroppedClear => "dropped-clear",
            Self::DroppedGiven => "dropped-given",
            Self::DroppedUnless => "dropped-unless",
            Self::DroppedRollbackAfter => "dropped-rollback-after",
            Self::RollbackAfter => "rollback-after",
            Self::SwappedLevels => "swapped-levels",
        }
    }
}
