//! Values.

use super::{Read, Reader};
use crate::explain::rule::{Truth, Value};
use crate::explain::words::{FUNCTIONS, OPERATORS, PERCENTILE};

/// What stands in parentheses is a value or a condition.
pub(super) enum Operand {
    Value(Value),
    Truth(Truth),
}

impl Reader<'_> {
    /// A value with all that is calculated with it, read from left to right; or a condition in parentheses.
    pub(super) fn value(&mut self) -> Read<Operand> {
        let mut left = match self.operand()? {
            Operand::Value(value) => value,
            truth => return Ok(truth),
        };
        loop {
            let found = OPERATORS.iter().find(|(words, _)| self.eat(&format!(" {words} ")));
            let Some((_, operator)) = found else { return Ok(Operand::Value(left)) };
            let right = self.single()?;
            // a share that is added to a reference is relative to it, and no other is: rules write no more than the share
            if self.eat(" of that") != left.makes_relative(operator.as_str(), &right) {
                return self.wrong("`of that` behind a share of a reference, and nowhere else");
            }
            left = Value::binary(operator.as_str(), left, right);
        }
    }

    /// A value that is no condition.
    fn single(&mut self) -> Read<Value> {
        match self.operand()? {
            Operand::Value(value) => Ok(value),
            Operand::Truth(_) => self.wrong("a value"),
        }
    }

    fn operand(&mut self) -> Read<Operand> {
        if self.eat("(") {
            return self.inside(Self::either);
        }
        self.leaf().map(Operand::Value)
    }

    fn leaf(&mut self) -> Read<Value> {
        if self.ahead("`") {
            return self.name().map(Value::single);
        }
        if self.eat("its baseline") {
            return Ok(Value::reference("baseline"));
        }
        if self.eat("its mean over the stage before") {
            return Ok(Value::reference("previous stage"));
        }
        if self.eat("the negative of ") {
            self.deeper()?;
            let inner = self.single()?;
            self.shallower();
            return Ok(Value::negate(inner));
        }
        if self.ahead("the ") {
            return self.call();
        }
        let number = self.rest().split(' ').next().unwrap_or("");
        if let Some(number) = number.strip_suffix('x').filter(|number| !number.is_empty()) {
            self.expect(number)?;
            self.expect("x ")?;
            self.deeper()?;
            let of = self.single()?;
            self.shallower();
            return Ok(Value::times(number, of));
        }
        self.literal().map(Value::literal)
    }

    /// `the average of `p95` over the last 5m`
    fn call(&mut self) -> Read<Value> {
        let known = FUNCTIONS.iter().find(|(_, words)| self.eat(&format!("{words} ")));
        let function = match known {
            Some((function, _)) => (*function).to_owned(),
            None => {
                self.expect("the ")?;
                let percent = self.until("a percentile", |c| !(c.is_ascii_digit() || c == '.'))?;
                if !["st", "nd", "rd", "th"].iter().any(|ending| self.eat(ending)) {
                    return self.wrong("a percentile, such as `95th`");
                }
                self.expect(PERCENTILE)?;
                self.expect(" ")?;
                format!("p{percent}")
            }
        };
        let mut names = vec![self.name()?];
        if self.eat(" with ") {
            names.push(self.name()?);
        }
        self.expect(" over the last ")?;
        Ok(Value::single(format!("{function}({} over {})", names.join(", "), self.length()?)))
    }
}
