//! Weighings in a program of the engine. An instruction may hide much: what it copies, builds or compares is as large as
//! the values are. Before each such instruction stands a call that charges for it, and everything that points at an
//! instruction is moved along.

use super::meter::{Guard, TOLLS, WEIGHINGS};
use super::weight;
use countersign_core::limits;
use regorus::rvm::instructions::{BuiltinCallParams, ComprehensionMode, LiteralOrRegister};
use regorus::rvm::program::{BuiltinInfo, RuleType};
use regorus::rvm::{Instruction, Program};
use regorus::{Rc, Value};
use std::collections::BTreeMap;

/// Which of [`WEIGHINGS`].
#[derive(Debug, Clone, Copy)]
enum By {
    Part,
    Key,
    Lookup,
    Loop,
    Same,
}

/// What is to be charged before an instruction.
enum Charge {
    /// For what is in these registers.
    Weighed(By, Vec<u8>),
    /// A sum that is known.
    Known(u64),
}

/// Puts a weighing before each instruction that needs one.
pub(super) fn insert(program: &mut Program) -> Result<(), String> {
    let regions = Regions::of(program)?;
    let mut slots = BTreeMap::new();
    let mut comprehensions = Vec::new();
    let mut instructions = Vec::new();
    let mut spans = Vec::new();
    let mut moved = Vec::new();
    for (at, instruction) in program.instructions.clone().into_iter().enumerate() {
        moved.push(instructions.len());
        let span = program.instruction_spans.get(at).cloned().flatten();
        let region = regions.at(at);
        for charge in charges(program, instruction, region, &mut comprehensions)? {
            for (name, function, args) in calls(&charge) {
                let call = call(program, &mut slots, region.scratch, (name, function), &args);
                instructions.push(call?);
                spans.push(span.clone());
            }
        }
        instructions.push(instruction);
        spans.push(span);
    }
    moved.push(instructions.len());
    if instructions.len() > Program::MAX_INSTRUCTIONS {
        return Err("the rule and what it shares are too long together: split it".to_owned());
    }
    program.instructions = instructions;
    program.instruction_spans = spans;
    point(program, &moved)
}

/// Instructions of one rule, and a register that only its weighings use.
#[derive(Debug, Clone, Copy)]
struct Region {
    start: usize,
    rule: Option<usize>,
    scratch: u8,
}

struct Regions(Vec<Region>);

impl Regions {
    /// Widens the window of each rule by one register. Nothing else is known to lie there.
    fn of(program: &mut Program) -> Result<Self, String> {
        let none = || "the rule has more variables than one may have: split it".to_owned();
        let mut found = Vec::new();
        for (index, rule) in program.rule_infos.iter_mut().enumerate() {
            let scratch = rule.num_registers;
            rule.num_registers = scratch.checked_add(1).ok_or_else(none)?;
            let bodies = rule.definitions.iter().flatten();
            for start in bodies.chain(rule.destructuring_blocks.iter().flatten()) {
                let start = usize::try_from(*start).map_err(|_large| none())?;
                found.push(Region { start, rule: Some(index), scratch });
            }
        }
        let scratch = program.dispatch_window_size.max(2);
        program.dispatch_window_size = scratch.checked_add(1).ok_or_else(none)?;
        program.max_rule_window_size = program.max_rule_window_size.checked_add(1).ok_or_else(none)?;
        found.push(Region { start: 0, rule: None, scratch });
        found.extend(program.entry_points.values().map(|start| Region { start: *start, rule: None, scratch }));
        found.sort_by_key(|region| (region.start, region.rule));
        Ok(Self(found))
    }

    fn at(&self, at: usize) -> Region {
        let known = self.0.iter().rfind(|region| region.start <= at);
        known.copied().unwrap_or(Region { start: 0, rule: None, scratch: 0 })
    }
}

/// What an instruction costs beside itself. One that the engine's compiler for Rego does not use is refused: what it
/// costs is not known.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else the engine has is refused")]
fn charges(
    program: &Program,
    instruction: Instruction,
    region: Region,
    comprehensions: &mut Vec<ComprehensionMode>,
) -> Result<Vec<Charge>, String> {
    let data = &program.instruction_data;
    let lost = || "an instruction of the engine has no parameters".to_owned();
    let one = |by: By, register: u8| Charge::Weighed(by, vec![register]);
    Ok(match instruction {
        Instruction::ArrayCreate { params_index } => {
            let made = data.get_array_create_params(params_index).ok_or_else(lost)?;
            vec![Charge::Weighed(By::Part, made.element_registers().to_vec())]
        }
        Instruction::SetCreate { params_index } => {
            let made = data.get_set_create_params(params_index).ok_or_else(lost)?;
            vec![Charge::Weighed(By::Key, made.element_registers().to_vec())]
        }
        Instruction::ObjectCreate { params_index } => {
            let made = data.get_object_create_params(params_index).ok_or_else(lost)?;
            let literals = made.literal_key_field_pairs().iter();
            let values = literals.clone().map(|(_, value)| *value);
            let values = values.chain(made.field_pairs().iter().map(|(_, value)| *value)).collect();
            let keys = made.field_pairs().iter().map(|(key, _)| *key).collect();
            let names = literals.map(|(index, _)| literal(program, *index)).fold(0, u64::saturating_add);
            vec![Charge::Weighed(By::Part, values), Charge::Weighed(By::Key, keys), Charge::Known(names)]
        }
        Instruction::ArrayPush { value, .. } | Instruction::ArrayPushDefined { value, .. } => {
            vec![one(By::Part, value)]
        }
        Instruction::SetAdd { value, .. } => vec![one(By::Key, value)],
        Instruction::ObjectSet { key, value, .. } => vec![one(By::Key, key), one(By::Part, value)],
        Instruction::ComprehensionBegin { params_index } => {
            let begun = data.get_comprehension_begin_params(params_index).ok_or_else(lost)?;
            comprehensions.push(begun.mode.clone());
            // The compiler walks by loops, and gives the register of what is to be made.
            if begun.collection_reg == begun.result_reg {
                Vec::new()
            } else {
                vec![one(By::Loop, begun.collection_reg)]
            }
        }
        Instruction::ComprehensionEnd {} => {
            comprehensions.pop();
            Vec::new()
        }
        Instruction::ComprehensionYield { value_reg, key_reg } => match (comprehensions.last(), key_reg) {
            (Some(ComprehensionMode::Array), None) => vec![one(By::Part, value_reg)],
            (Some(ComprehensionMode::Set), None) => vec![one(By::Key, value_reg)],
            (Some(ComprehensionMode::Object), Some(key)) => vec![one(By::Key, key), one(By::Part, value_reg)],
            _ => return Err("a comprehension gives what it cannot hold".to_owned()),
        },
        Instruction::AssertEq { left, right } => vec![Charge::Weighed(By::Same, vec![left, right])],
        Instruction::Index { key, .. } => vec![one(By::Lookup, key)],
        Instruction::IndexLiteral { literal_idx, .. } => vec![Charge::Known(literal(program, literal_idx))],
        Instruction::ChainedIndex { params_index } => {
            path(program, &data.get_chained_index_params(params_index).ok_or_else(lost)?.path_components)
        }
        Instruction::VirtualDataDocumentLookup { params_index } => {
            let found = data.get_virtual_data_document_lookup_params(params_index).ok_or_else(lost)?;
            plain(program, &found.path_components)?;
            path(program, &found.path_components)
        }
        Instruction::LoopStart { params_index } => {
            vec![one(By::Loop, data.get_loop_params(params_index).ok_or_else(lost)?.collection)]
        }
        Instruction::FunctionCall { params_index } => {
            let called = data.get_function_call_params(params_index).ok_or_else(lost)?;
            vec![Charge::Known(entered(program, called.func_rule_index))]
        }
        Instruction::CallRule { rule_index, .. } if region.rule.is_some() => {
            vec![Charge::Known(entered(program, rule_index))]
        }
        Instruction::RuleReturn {} => compared(program, region),
        Instruction::CallRule { .. }
        | Instruction::Load { .. }
        | Instruction::LoadTrue { .. }
        | Instruction::LoadFalse { .. }
        | Instruction::LoadNull { .. }
        | Instruction::LoadBool { .. }
        | Instruction::LoadData { .. }
        | Instruction::LoadInput { .. }
        | Instruction::Move { .. }
        | Instruction::Not { .. }
        | Instruction::BuiltinCall { .. }
        | Instruction::Return { .. }
        | Instruction::ArrayNew { .. }
        | Instruction::SetNew { .. }
        | Instruction::Count { .. }
        | Instruction::Guard { .. }
        | Instruction::LoopNext { .. }
        | Instruction::RuleInit { .. }
        | Instruction::DestructuringSuccess {}
        | Instruction::Halt {} => Vec::new(),
        other => return Err(format!("the engine made an instruction that rules do not use: {}", kind(other))),
    })
}

/// The name of an instruction, without its registers.
fn kind(instruction: Instruction) -> String {
    format!("{instruction:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// What it costs to find a literal's place among other keys.
fn literal(program: &Program, index: u16) -> u64 {
    let found = program.literals.get(usize::from(index));
    found.map_or(0, |value| weight::measure(value, limits::REGO_WORK).size().div_euclid(8))
}

fn path(program: &Program, components: &[LiteralOrRegister]) -> Vec<Charge> {
    let mut known = weight::count(components.len());
    let mut charges = Vec::new();
    for component in components {
        match component {
            LiteralOrRegister::Literal(index) => known = known.saturating_add(literal(program, *index)),
            LiteralOrRegister::Register(register) => charges.push(Charge::Weighed(By::Lookup, vec![*register])),
        }
    }
    charges.push(Charge::Known(known));
    charges
}

/// A path into data that leads past all rules. For one that may lead to a rule the engine would evaluate that rule on the
/// native stack, as often as it is looked up.
fn plain(program: &Program, components: &[LiteralOrRegister]) -> Result<(), String> {
    let mut node = program.rule_tree.as_object().ok().and_then(|tree| tree.get(&Value::from("data")));
    for component in components {
        let Some(Value::Object(inner)) = node else { break };
        let LiteralOrRegister::Literal(index) = component else {
            return Err("a rule is read by a name that is reckoned: write the name".to_owned());
        };
        node = program.literals.get(usize::from(*index)).and_then(|name| inner.get(name));
    }
    match node {
        None | Some(Value::Undefined) => Ok(()),
        Some(_) => Err("a rule, or all rules of a package, are read as data: name the rule".to_owned()),
    }
}

/// What the engine copies when it enters a rule: its registers, and lists of its definitions.
fn entered(program: &Program, rule: u16) -> u64 {
    program.rule_infos.get(usize::from(rule)).map_or(0, |rule| {
        let bodies = rule.else_bodies.len().saturating_mul(8).saturating_add(usize::from(rule.num_registers) / 4);
        weight::count(bodies.saturating_add(rule.name.len() / 16))
    })
}

/// A rule or function with several definitions: the engine compares what they give.
fn compared(program: &Program, region: Region) -> Vec<Charge> {
    let rule = region.rule.and_then(|index| program.rule_infos.get(index));
    let several = rule.filter(|rule| {
        matches!(rule.rule_type, RuleType::Complete) && rule.definitions.iter().map(Vec::len).sum::<usize>() > 1
    });
    several.map(|rule| Charge::Weighed(By::Part, vec![rule.result_reg])).into_iter().collect()
}

/// The calls that make a charge.
fn calls(charge: &Charge) -> Vec<(&'static str, Guard, Vec<u8>)> {
    match charge {
        Charge::Weighed(by, registers) => {
            let [part, key, lookup, walked, same] = WEIGHINGS;
            let (name, function) = match by {
                By::Part => part,
                By::Key => key,
                By::Lookup => lookup,
                By::Loop => walked,
                By::Same => same,
            };
            registers.chunks(8).map(|some| (name, function, some.to_vec())).collect()
        }
        // What is less is paid for by the instruction itself.
        Charge::Known(0..=32) => Vec::new(),
        Charge::Known(units) => {
            let found = TOLLS.iter().find(|(known, ..)| known >= units).or_else(|| TOLLS.last());
            found.map(|(_, name, function)| (*name, *function, Vec::new())).into_iter().collect()
        }
    }
}

fn call(
    program: &mut Program,
    slots: &mut BTreeMap<(&'static str, u8), u16>,
    dest: u8,
    (name, function): (&'static str, Guard),
    registers: &[u8],
) -> Result<Instruction, String> {
    let mut args = [0; 8];
    let lost = || "a weighing has too many arguments".to_owned();
    args.get_mut(..registers.len()).ok_or_else(lost)?.copy_from_slice(registers);
    let num_args = u8::try_from(registers.len()).map_err(|_large| lost())?;
    let builtin_index = *slots.entry((name, num_args)).or_insert_with(|| {
        program.resolved_builtins.push((function, num_args));
        program.add_builtin_info(BuiltinInfo { name: name.to_owned(), num_args: u16::from(num_args) })
    });
    let params = BuiltinCallParams { dest, builtin_index, num_args, args };
    Ok(Instruction::BuiltinCall { params_index: program.add_builtin_call_params(params) })
}

/// Moves all that points at an instruction to where it is now: to its first weighing, so that none is left out.
fn point(program: &mut Program, moved: &[usize]) -> Result<(), String> {
    let lost = || "the engine's program points outside itself".to_owned();
    let word = |at: u16| moved.get(usize::from(at)).and_then(|at| u16::try_from(*at).ok()).ok_or_else(lost);
    let long = |at: u32| {
        let at = usize::try_from(at).ok().and_then(|at| moved.get(at));
        at.and_then(|at| u32::try_from(*at).ok()).ok_or_else(lost)
    };
    for instruction in &mut program.instructions {
        if let Instruction::LoopNext { body_start, loop_end } = instruction {
            *body_start = word(*body_start)?;
            *loop_end = word(*loop_end)?;
        }
    }
    for params in &mut program.instruction_data.loop_params {
        params.body_start = word(params.body_start)?;
        params.loop_end = word(params.loop_end)?;
    }
    for params in &mut program.instruction_data.comprehension_begin_params {
        params.body_start = word(params.body_start)?;
        params.comprehension_end = word(params.comprehension_end)?;
    }
    for rule in &mut program.rule_infos {
        let mut definitions = Vec::clone(&rule.definitions);
        for body in definitions.iter_mut().flatten().chain(rule.destructuring_blocks.iter_mut().flatten()) {
            *body = long(*body)?;
        }
        rule.definitions = Rc::new(definitions);
    }
    for at in program.entry_points.values_mut() {
        *at = *moved.get(*at).ok_or_else(lost)?;
    }
    program.main_entry_point = long(program.main_entry_point)?;
    Ok(())
}
