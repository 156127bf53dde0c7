//! What an evaluation may use, counted. The engine counts instructions; here is what one instruction may hide: built-in
//! functions, products of numbers, and comparisons of whole collections. The count depends on the values alone.

use super::builtins::Cost;
use super::patterns::Patterns;
use super::weight::{self, length, length_of, measure};
use countersign_core::limits;
use regorus::Value;
use regorus::rvm::Instruction;
use regorus::rvm::Program;
use regorus::rvm::instructions::BuiltinCallParams;
use regorus::rvm::program::BuiltinInfo;
use regorus::unstable::{BUILTINS, BuiltinFcn, Expr, Ref, Rule, RuleHead, Span};
use std::cell::RefCell;

/// The result of the engine's functions, whose error type is not ours to name.
pub(super) type Out = <BuiltinFcn as Function>::Out;
/// A function as the engine calls it.
pub(super) type Guard = fn(&Span, &[Ref<Expr>], &[Value], bool) -> Out;
/// What the engine calls a function with: where, with which expressions and values, and whether errors are errors.
pub(super) type Called<'c> = (&'c Span, &'c [Ref<Expr>], &'c [Value], bool);

/// Names the result of the engine's functions.
pub(super) trait Function {
    /// It.
    type Out;
}
impl<O> Function for (fn(&Span, &[Ref<Expr>], &[Value], bool) -> O, u8) {
    type Out = O;
}

/// Why a call did not run.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{name}: the evaluation has used up what rules may use ({} units)", limits::REGO_WORK)]
    Work { name: &'static str },
    #[error("{name}: the text would have more than {} bytes", limits::REGO_TEXT_BYTES)]
    Text { name: &'static str },
    #[error("{name}: the value nests deeper than {} levels", limits::REGO_DEPTH)]
    Depth { name: &'static str },
    #[error("{name}: the number has more than {} bits", limits::REGO_NUMBER_BITS)]
    Number { name: &'static str },
    #[error("{name}: {problem}")]
    Value { name: &'static str, problem: &'static str },
    #[error("{name} is not a function that rules may call")]
    Unknown { name: &'static str },
}

/// What the evaluation that runs on this thread has left, and the time of its decision.
#[derive(Default)]
struct Meter {
    left: u64,
    now: i64,
    /// The first error. The engine would take an error inside a rule's body for a body that does not hold.
    failed: Option<String>,
    /// The expressions of the rule that runs.
    patterns: Patterns,
}

thread_local! {
    /// It is set anew for each evaluation, and nothing is carried over but the rule's own expressions, which it is given:
    /// the engine calls plain functions, which have no other place for it.
    static METER: RefCell<Meter> = RefCell::default();
}

/// Evaluates with a full meter and this time, in nanoseconds; beside the result, what failed on the way.
pub(super) fn metered<T>(now: i64, patterns: &RefCell<Patterns>, evaluate: impl FnOnce() -> T) -> (T, Option<String>) {
    METER.replace(Meter { left: limits::REGO_WORK, now, failed: None, patterns: patterns.take() });
    let result = evaluate();
    let meter = METER.take();
    patterns.replace(meter.patterns);
    (result, meter.failed)
}

/// Keeps the first error, and gives the engine one of the few that end an evaluation at once.
fn fatal(made: Out) -> Out {
    made.map_err(|error| {
        METER.with_borrow_mut(|meter| {
            meter.failed.get_or_insert_with(|| error.to_string());
        });
        regorus::LimitError::RegexSizeLimitExceeded { limit: 0 }.into()
    })
}

/// Puts every function of a program, every product and every comparison behind the meter.
pub(super) fn guard(program: &mut Program) -> Result<(), String> {
    let mut resolved = Vec::new();
    for info in &program.builtin_info_table {
        let known = super::builtins::find(&info.name).ok_or_else(|| format!("rules may not call {}", info.name))?;
        resolved.push((known.guard, u8::try_from(info.num_args).unwrap_or(u8::MAX)));
    }
    program.resolved_builtins = resolved;
    let mut operators = [None; OPERATORS.len()];
    for at in 0..program.instructions.len() {
        let Some(found) = program.instructions.get(at).copied().and_then(operator) else { continue };
        let (which, dest, left, right) = found;
        let Some((name, function)) = OPERATORS.get(which) else { continue };
        let slot = operators.get_mut(which).ok_or("no such operator")?;
        let builtin_index = if let Some(index) = *slot {
            index
        } else {
            let info = BuiltinInfo { name: (*name).to_owned(), num_args: 2 };
            let index = program.add_builtin_info(info);
            program.resolved_builtins.push((*function, 2));
            *slot = Some(index);
            index
        };
        let params = BuiltinCallParams { dest, builtin_index, num_args: 2, args: [left, right, 0, 0, 0, 0, 0, 0] };
        let params_index = program.add_builtin_call_params(params);
        if let Some(instruction) = program.instructions.get_mut(at) {
            *instruction = Instruction::BuiltinCall { params_index };
        }
    }
    Ok(())
}

/// Puts what rules may not call out of the reach of tests, and every other function behind the meter.
pub(super) fn guard_tests(engine: &mut regorus::Engine, now: i64) -> Result<(), String> {
    let refused = |name: &&&str| super::builtins::find(name).is_none() && **name != "print";
    for name in BUILTINS.keys().filter(refused).copied().chain(["print"]) {
        let problem = format!("{name} is not a function that rules and their tests may call");
        let no = Box::new(move |_: Vec<Value>| Err(std::io::Error::other(problem.clone()).into()));
        engine.add_extension(name.to_owned(), 1, no).map_err(|error| error.to_string())?;
    }
    let (span, parameters) = placeholders()?;
    for builtin in super::builtins::ALL.iter().filter(|builtin| builtin.name != "time.now_ns") {
        let Some((_, arguments)) = BUILTINS.get(builtin.name) else { continue };
        let (guard, span, parameters) = (builtin.guard, span.clone(), parameters.clone());
        let call = Box::new(move |values: Vec<Value>| {
            guard(&span, parameters.get(..values.len()).unwrap_or_default(), &values, true)
        });
        engine.add_extension(builtin.name.to_owned(), *arguments, call).map_err(|error| error.to_string())?;
    }
    let clock = Box::new(move |_: Vec<Value>| Ok(Value::from(now)));
    engine.add_extension("time.now_ns".to_owned(), 0, clock).map_err(|error| error.to_string())
}

/// What stands for the place of a call: the engine's functions ask for one, and what is called from outside has none.
fn placeholders() -> Result<(Span, Vec<Ref<Expr>>), String> {
    let mut engine = regorus::Engine::new();
    engine
        .add_policy("<builtin>".to_owned(), "package builtin\nx := null\n".to_owned())
        .map_err(|error| error.to_string())?;
    let modules = engine.get_modules();
    let module = modules.first().ok_or("there is no module")?;
    let rule = module.policy.first().ok_or("there is no rule")?;
    let Rule::Spec { head: RuleHead::Compr { assign: Some(assign), .. }, .. } = rule.as_ref() else {
        return Err("there is no value".to_owned());
    };
    Ok((rule.span().clone(), vec![assign.value.clone(); 8]))
}

/// What is put before an instruction of the engine that copies, builds or compares, see `weighed`: it does nothing but
/// charge for what the instruction is about to do with these values.
pub(super) const WEIGHINGS: [(&str, Guard); 5] = [
    ("countersign.part", |_, _, values, _| fatal(part(values))),
    ("countersign.key", |_, _, values, _| fatal(key(values))),
    ("countersign.lookup", |_, _, values, _| fatal(lookup(values))),
    ("countersign.loop", |_, _, values, _| fatal(walked(values))),
    ("countersign.same", |_, _, values, _| fatal(compare("==", values, false, |_, _| true))),
];

/// The same where the cost is known beforehand: units, and what charges them.
pub(super) const TOLLS: [(u64, &str, Guard); 6] = [
    (64, "countersign.toll_64", |_, _, _, _| fatal(toll(64))),
    (512, "countersign.toll_512", |_, _, _, _| fatal(toll(512))),
    (4_096, "countersign.toll_4096", |_, _, _, _| fatal(toll(4_096))),
    (32_768, "countersign.toll_32768", |_, _, _, _| fatal(toll(32_768))),
    (262_144, "countersign.toll_262144", |_, _, _, _| fatal(toll(262_144))),
    (limits::REGO_WORK, "countersign.toll_all", |_, _, _, _| fatal(toll(limits::REGO_WORK))),
];

/// Values that become elements of a list or values of an object.
fn part(values: &[Value]) -> Out {
    for value in values {
        let found = weighable("[…]", value)?;
        charge("[…]", found.size().saturating_add(weight::ELEMENT))?;
    }
    Ok(Value::Null)
}

/// Values that become elements of a set or keys of an object: they are compared with others there.
fn key(values: &[Value]) -> Out {
    for value in values {
        let found = weighable("{…}", value)?;
        charge("{…}", found.compared().saturating_add(weight::ELEMENT))?;
    }
    Ok(Value::Null)
}

/// Values by which something is looked up.
fn lookup(values: &[Value]) -> Out {
    for value in values {
        charge("[…]", measure(value, limits::REGO_WORK).compared())?;
    }
    Ok(Value::Null)
}

/// A collection that is walked: the engine finds each next element of a set and each next key by comparing.
fn walked(values: &[Value]) -> Out {
    for value in values {
        match value {
            Value::Set(items) => {
                for item in items.iter() {
                    charge("some … in", measure(item, limits::REGO_WORK).compared())?;
                }
            }
            Value::Object(fields) => {
                for (name, _) in fields.iter() {
                    charge("some … in", measure(name, limits::REGO_WORK).compared())?;
                }
            }
            Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Undefined => {
            }
        }
    }
    Ok(Value::Null)
}

fn toll(units: u64) -> Out {
    charge("the rule", units)?;
    Ok(Value::Null)
}

/// What is in a value that is about to become part of another one.
fn weighable(name: &'static str, value: &Value) -> Result<weight::Measure, Refused> {
    let found = measure(value, limits::REGO_WORK);
    if found.depth >= limits::REGO_DEPTH { Err(Refused::Depth { name }) } else { Ok(found) }
}

/// The operators whose cost depends on their operands, and those that can fail.
const OPERATORS: [(&str, Guard); 12] = [
    ("countersign.times", |_, _, values, _| fatal(times(values))),
    ("countersign.minus", |_, _, values, _| fatal(minus(values))),
    ("countersign.equal", |_, _, values, _| fatal(compare("==", values, false, |a, b| a == b))),
    ("countersign.unequal", |_, _, values, _| fatal(compare("!=", values, false, |a, b| a != b))),
    ("countersign.less", |_, _, values, _| fatal(compare("<", values, true, |a, b| a < b))),
    ("countersign.at_most", |_, _, values, _| fatal(compare("<=", values, true, |a, b| a <= b))),
    ("countersign.more", |_, _, values, _| fatal(compare(">", values, true, |a, b| a > b))),
    ("countersign.at_least", |_, _, values, _| fatal(compare(">=", values, true, |a, b| a >= b))),
    ("countersign.in", |_, _, values, _| fatal(within(values))),
    ("countersign.plus", |_, _, values, _| fatal(plus(values))),
    ("countersign.divided", |_, _, values, _| fatal(divided(values))),
    ("countersign.rest", |_, _, values, _| fatal(rest(values))),
];

/// Which operator an instruction is, with its registers. Undefined operands make all of them undefined, as they do any
/// call; for `in` that is as OPA has it, too.
#[expect(clippy::wildcard_enum_match_arm, reason = "the engine has many instructions, and the others cost one")]
const fn operator(instruction: Instruction) -> Option<(usize, u8, u8, u8)> {
    Some(match instruction {
        Instruction::Mul { dest, left, right } => (0, dest, left, right),
        Instruction::Sub { dest, left, right } => (1, dest, left, right),
        Instruction::Eq { dest, left, right } => (2, dest, left, right),
        Instruction::Ne { dest, left, right } => (3, dest, left, right),
        Instruction::Lt { dest, left, right } => (4, dest, left, right),
        Instruction::Le { dest, left, right } => (5, dest, left, right),
        Instruction::Gt { dest, left, right } => (6, dest, left, right),
        Instruction::Ge { dest, left, right } => (7, dest, left, right),
        Instruction::Contains { dest, collection, value } => (8, dest, collection, value),
        Instruction::Add { dest, left, right } => (9, dest, left, right),
        Instruction::Div { dest, left, right } => (10, dest, left, right),
        Instruction::Mod { dest, left, right } => (11, dest, left, right),
        _ => return None,
    })
}

fn times(values: &[Value]) -> Out {
    let [Value::Number(a), Value::Number(b)] = values else { return operand("*", "only numbers can be multiplied") };
    // Products of products grow without bound: what does not fit a machine's word is not multiplied any further.
    if values.iter().any(|value| weight::bits(value) > 64) {
        return operand("*", "a factor has more than 64 bits");
    }
    charge("*", 1)?;
    Ok(Value::from(a.mul(b)?))
}

fn plus(values: &[Value]) -> Out {
    match values {
        [Value::Number(a), Value::Number(b)] => numbered("+", Value::from(a.add(b)?)),
        _ => operand("+", "only numbers have a sum"),
    }
}

/// Two numbers, of which the second is not zero.
fn over<'v>(name: &'static str, values: &'v [Value]) -> Result<(&'v Value, &'v Value), Refused> {
    match values {
        [Value::Number(_), by] if *by == Value::from(0_u64) => {
            Err(Refused::Value { name, problem: "nothing is divided by 0" })
        }
        [a @ Value::Number(_), b @ Value::Number(_)] => Ok((a, b)),
        _ => Err(Refused::Value { name, problem: "only numbers are divided" }),
    }
}

fn divided(values: &[Value]) -> Out {
    let (a, b) = over("/", values)?;
    Ok(Value::from(a.as_number()?.clone().divide(b.as_number()?)?))
}

fn rest(values: &[Value]) -> Out {
    let (a, b) = over("%", values)?;
    if !(a.as_number()?.is_integer() && b.as_number()?.is_integer()) {
        return operand("%", "only whole numbers leave a rest");
    }
    Ok(Value::from(a.as_number()?.clone().modulo(b.as_number()?)?))
}

fn minus(values: &[Value]) -> Out {
    match values {
        [Value::Number(a), Value::Number(b)] => numbered("-", Value::from(a.sub(b)?)),
        [Value::Set(a), Value::Set(b)] => {
            charge("-", compared(values))?;
            Ok(Value::from(a.difference(b)))
        }
        _ => operand("-", "only two numbers or two sets have a difference"),
    }
}

fn compare(name: &'static str, values: &[Value], ordered: bool, holds: fn(&Value, &Value) -> bool) -> Out {
    let [a, b] = values else { return operand(name, "two values are compared") };
    if ordered && std::mem::discriminant(a) != std::mem::discriminant(b) {
        return operand(name, "values of different types have no order");
    }
    charge(name, weight::shorter(a, b))?;
    Ok(Value::Bool(holds(a, b)))
}

fn within(values: &[Value]) -> Out {
    let [collection, value] = values else { return operand("in", "a value is in a collection") };
    let found = measure(value, limits::REGO_WORK);
    charge(
        "in",
        match collection {
            Value::Array(_) | Value::Object(_) => {
                length(collection).max(1).saturating_mul(found.nodes.saturating_add(found.bytes / 16))
            }
            Value::Set(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Undefined => {
                found.compared()
            }
        },
    )?;
    Ok(Value::Bool(match collection {
        Value::Set(set) => set.contains(value),
        Value::Array(items) => items.contains(value),
        Value::Object(fields) => fields.values().any(|field| field == value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Undefined => false,
    }))
}

fn operand(name: &'static str, problem: &'static str) -> Out {
    Err(Refused::Value { name, problem }.into())
}

/// Calls a function of the engine, if the meter lets it. An error ends the evaluation.
pub(super) fn call(name: &'static str, cost: Cost, called: Called<'_>) -> Out {
    fatal(call_within(name, cost, called))
}

fn call_within(name: &'static str, cost: Cost, called: Called<'_>) -> Out {
    let (span, parameters, values, _) = called;
    if name == "time.now_ns" {
        return Ok(Value::from(METER.with_borrow(|meter| meter.now)));
    }
    if let ("strings.count", [_, Value::String(part)]) = (name, values)
        && part.is_empty()
    {
        return Err(Refused::Value { name, problem: "nothing cannot be counted in a text" }.into());
    }
    let before = match cost {
        Cost::Flat => 1,
        Cost::Length => length_of(values),
        Cost::Whole => whole(values),
        Cost::Keys => compared(values),
        Cost::Get => values.get(1).map_or(1, |path| measure(path, limits::REGO_WORK).compared()),
        Cost::Pairs => pairs(values),
        Cost::Digits => digits(name, values)?,
        Cost::Product => multiplied(name, values)?,
        Cost::Range => between(values)?,
        Cost::Format => format(name, values)?,
        Cost::Replace => replaced(name, values)?,
        Cost::Regex => regex(name, values)?,
        Cost::Shift => shift(name, values)?,
        Cost::Time => time(name, values)?,
    };
    charge(name, before.saturating_add(8))?;
    let ready = if cost == Cost::Regex { METER.with_borrow(|meter| meter.patterns.call(name, values)) } else { None };
    let made = if let Some(made) = ready {
        made
    } else {
        let (function, _) = BUILTINS.get(name).ok_or(Refused::Unknown { name })?;
        // Strict, whatever the engine was told: an error is an error.
        let made = function(span, parameters, values, true)?;
        if cost == Cost::Regex && made != Value::Undefined {
            METER.with_borrow_mut(|meter| meter.patterns.keep(name, values));
        }
        made
    };
    charge(name, weight::made(&made))?;
    if let Value::String(text) = &made {
        bounded(name, weight::count(text.len()))?;
    }
    numbered(name, made)
}

/// A number that is not too long to be reckoned with.
fn numbered(name: &'static str, made: Value) -> Out {
    if weight::bits(&made) > limits::REGO_NUMBER_BITS { Err(Refused::Number { name }.into()) } else { Ok(made) }
}

fn charge(name: &'static str, units: u64) -> Result<(), Refused> {
    METER.with_borrow_mut(|meter| {
        let left = meter.left.checked_sub(units);
        meter.left = left.unwrap_or_default();
        left.map(|_| ()).ok_or(Refused::Work { name })
    })
}

fn whole(values: &[Value]) -> u64 {
    values.iter().fold(0, |all: u64, value| all.saturating_add(measure(value, limits::REGO_WORK).size()))
}

/// What it costs to put everything in these values into order.
fn compared(values: &[Value]) -> u64 {
    values.iter().fold(0, |all: u64, value| all.saturating_add(measure(value, limits::REGO_WORK).compared()))
}

/// Each part of the first, or each place of it if it is a text, held against the second.
fn pairs(values: &[Value]) -> u64 {
    let [a, b] = values else { return whole(values) };
    let (left, right) = (measure(a, limits::REGO_WORK), measure(b, limits::REGO_WORK));
    let times = if matches!(a, Value::String(_)) { left.size() } else { left.nodes };
    times.saturating_mul(right.nodes.saturating_add(right.bytes / 16)).saturating_add(left.bytes)
}

/// A number that is read from text takes time by the square of its digits.
fn digits(name: &'static str, values: &[Value]) -> Result<u64, Refused> {
    let long = length_of(values);
    if long > limits::REGO_NUMBER_BITS { Err(Refused::Number { name }) } else { Ok(long) }
}

/// What is multiplied must not grow too long on the way.
fn multiplied(name: &'static str, values: &[Value]) -> Result<u64, Refused> {
    let mut bits = 0_u64;
    let mut add = |value: &Value| bits = bits.saturating_add(weight::bits(value));
    match values {
        [Value::Array(items)] => items.iter().for_each(&mut add),
        [Value::Set(items)] => items.iter().for_each(&mut add),
        _ => {}
    }
    if bits > limits::REGO_NUMBER_BITS { Err(Refused::Number { name }) } else { Ok(length_of(values)) }
}

fn between(values: &[Value]) -> Result<u64, Refused> {
    let name = "numbers.range";
    let [from, to] = values else { return Ok(1) };
    match (from.as_i64(), to.as_i64()) {
        (Ok(from), Ok(to)) => Ok(from.abs_diff(to).saturating_mul(weight::ELEMENT)),
        _ => Err(Refused::Value { name, problem: "its ends are whole numbers of at most 64 bits" }),
    }
}

/// `concat` and `sprintf`: what they put together is in what they are given, save for widths.
fn format(name: &'static str, values: &[Value]) -> Result<u64, Refused> {
    let written = |all: u64, value| all.saturating_add(measure(value, limits::REGO_WORK).written());
    let mut all = values.iter().fold(0, written);
    if let ("sprintf", Some(Value::String(text))) = (name, values.first()) {
        let mut digits = 0_u32;
        let mut verb = false;
        for letter in text.chars() {
            if verb && letter.is_numeric() {
                digits = digits.saturating_add(1);
                if digits > 3 || !letter.is_ascii_digit() {
                    return Err(Refused::Value { name, problem: "a width has at most three digits" });
                }
            } else {
                verb = letter == '%' || (verb && letter == '.');
                digits = 0;
            }
            if verb {
                all = all.saturating_add(10);
            }
        }
    }
    if let ("concat", [Value::String(between), parts]) = (name, values) {
        all = all.saturating_add(weight::count(between.len()).saturating_mul(length(parts)));
    }
    bounded(name, all)
}

fn bounded(name: &'static str, bytes: u64) -> Result<u64, Refused> {
    if bytes > limits::REGO_TEXT_BYTES { Err(Refused::Text { name }) } else { Ok(bytes) }
}

fn replaced(name: &'static str, values: &[Value]) -> Result<u64, Refused> {
    let [text, old, new] = values else { return Ok(1) };
    let times = length(text).saturating_add(1).checked_div(length(old).max(1)).unwrap_or(u64::MAX).saturating_add(1);
    bounded(name, times.saturating_mul(length(new)).saturating_add(length(text)))
}

/// The engine's expressions take time by the product of their length and the text's, and no more.
fn regex(name: &'static str, values: &[Value]) -> Result<u64, Refused> {
    let at = usize::from(name == "regex.replace");
    let pattern = values.get(at).map_or(1, length);
    if pattern > weight::count(limits::REGO_REGEX_BYTES) {
        return Err(Refused::Value { name, problem: "the expression is longer than rules may use" });
    }
    if let ("regex.replace", [text, _, new]) = (name, values) {
        bounded(name, length(text).saturating_add(1).saturating_mul(length(new).saturating_add(1)))?;
    }
    let texts = length_of(values).saturating_sub(pattern);
    // Each bracket of the expression may give a text of its own at each place.
    let each = if name == "regex.find_all_string_submatch_n" { 8 } else { 1 };
    Ok(pattern.saturating_mul(texts.saturating_add(64)).saturating_mul(each))
}

fn shift(name: &'static str, values: &[Value]) -> Result<u64, Refused> {
    match values {
        [_, by] if by.as_i64().is_ok_and(|by| (0..=64).contains(&by)) => Ok(1),
        _ => Err(Refused::Value { name, problem: "numbers are shifted by 0 to 64 bits" }),
    }
}

/// The engine would take the zone `Local` from the machine.
fn time(name: &'static str, values: &[Value]) -> Result<u64, Refused> {
    for value in values {
        if let Value::Array(parts) = value
            && parts.iter().skip(1).any(|part| matches!(part, Value::String(zone) if &**zone == "Local"))
        {
            return Err(Refused::Value { name, problem: "`Local` would be this machine's time zone: name one" });
        }
    }
    Ok(length_of(values))
}
