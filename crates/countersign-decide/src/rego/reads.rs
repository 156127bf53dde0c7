//! What a compiled program reads of the input, as its instructions say it: a second look, which does not depend on what
//! was understood of the text.

use regorus::Value;
use regorus::rvm::Instruction;
use regorus::rvm::Program;
use regorus::rvm::instructions::LiteralOrRegister;
use std::collections::BTreeSet;

/// Refuses a program that reads a part of the input beside these, or one that cannot be told.
pub(super) fn only(program: &Program, reads: &BTreeSet<String>) -> Result<(), String> {
    let mut held = None;
    for instruction in &program.instructions {
        match first(program, *instruction, held) {
            First::Loaded(register) => held = Some(register),
            First::Part(part) if reads.contains(&part) => {}
            First::Part(part) => return Err(format!("`input.{part}` is read where that could not be seen")),
            First::Unknown => return Err("a part of the input is read by a name that is reckoned".to_owned()),
            First::Ended => held = None,
            First::Nothing => {}
        }
    }
    Ok(())
}

/// What an instruction does with the input.
enum First {
    /// The input is in this register from here on.
    Loaded(u8),
    /// A part of it is read.
    Part(String),
    /// Some part of it is read.
    Unknown,
    /// The registers are another rule's from here on.
    Ended,
    /// Nothing.
    Nothing,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the engine has many instructions, and few reach into a value")]
fn first(program: &Program, instruction: Instruction, held: Option<u8>) -> First {
    let literal = |index: u16| match program.literals.get(usize::from(index)) {
        Some(Value::String(name)) => First::Part(name.to_string()),
        _ => First::Unknown,
    };
    match instruction {
        Instruction::LoadInput { dest } => First::Loaded(dest),
        Instruction::IndexLiteral { container, literal_idx, .. } if held == Some(container) => literal(literal_idx),
        Instruction::Index { container, .. } if held == Some(container) => First::Unknown,
        Instruction::ChainedIndex { params_index } => {
            let Some(params) = program.instruction_data.get_chained_index_params(params_index) else {
                return First::Unknown;
            };
            match params.path_components.first() {
                _ if held != Some(params.root) => First::Nothing,
                Some(LiteralOrRegister::Literal(index)) => literal(*index),
                Some(LiteralOrRegister::Register(_)) | None => First::Unknown,
            }
        }
        Instruction::RuleReturn {} | Instruction::Return { .. } => First::Ended,
        _ => First::Nothing,
    }
}
