//! From source to metered instructions.

use minijinja::{
    Value,
    machinery::{
        CodeGenerator, Instruction, Instructions, Span, Token,
        ast::{BinOpKind, CallArg, Expr, Stmt},
        parse, parse_expr, tokenize,
    },
    syntax::SyntaxConfig,
    value::ValueKind,
};

use super::{TemplateError, explain, lines::Gone, meter::weigh, operators};

/// The most words and signs between `{{` and `}}`, or `{%` and `%}`: minijinja's compiler goes as deep into its stack as
/// an expression is long.
const TAG_TOKENS: usize = 500;

/// Bytes of text that minijinja may compute while it compiles: it folds constants, and `"-" * 99999999` is one.
const FOLDED: usize = 64 << 10;

/// Jinja's syntax, and the newline at the end of the file stays. What else goes is said by [`Gone`].
fn syntax() -> Result<SyntaxConfig, TemplateError> {
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    syntax.map_err(|error| explain(&error, "", None))
}

/// What templates can say.
pub(super) const STATEMENTS: &str =
    "templates have {{ }}, {% for %}, {% if %}, {% set NAME = VALUE %}, {% with %} and {% raw %}";

/// Compiles a template.
pub(super) fn template(source: &str) -> Result<Instructions<'_>, TemplateError> {
    short_tags(source, false)?;
    let tree = parse(source, "", syntax()?).map_err(|error| explain(&error, source, None))?;
    Check::default().statement(&tree)?;
    let mut generator = CodeGenerator::new("", source);
    generator.compile_stmt(&tree);
    meter(&generator.finish().0, source, &Gone::of(source, syntax()?))
}

/// Compiles an expression.
pub(super) fn expression(source: &str) -> Result<Instructions<'_>, TemplateError> {
    short_tags(source, true)?;
    let tree = parse_expr(source).map_err(|error| explain(&error, source, None))?;
    Check::default().expression(&tree)?;
    let mut generator = CodeGenerator::new("", source);
    generator.compile_expr(&tree);
    meter(&generator.finish().0, source, &Gone::default())
}

/// Refuses expressions that are long enough to exhaust the stack.
fn short_tags(source: &str, expression: bool) -> Result<(), TemplateError> {
    let mut tokens = 0;
    for token in tokenize(source, expression, syntax()?) {
        // What is no token the parser tells of, in its own words.
        let Ok((token, span)) = token else { return Ok(()) };
        match token {
            Token::VariableStart | Token::BlockStart => tokens = 0,
            _ => tokens += 1,
        }
        if tokens > TAG_TOKENS {
            let message = format!("an expression cannot have more than {TAG_TOKENS} words and signs");
            return Err(refuse(span, &message, "make a long list a variable, and a long expression several"));
        }
    }
    Ok(())
}

fn refuse(span: Span, message: &str, remedy: &str) -> TemplateError {
    TemplateError {
        message: message.to_owned(),
        remedy: Some(remedy.to_owned()),
        range: span.start_offset as usize..span.end_offset as usize,
    }
}

/// Walks the tree for what cannot be metered: output that is captured, and constants that are folded while compiling.
#[derive(Default)]
struct Check {
    folded: usize,
}

/// What minijinja folds an expression to.
enum Folded {
    /// Nothing: it depends on the context.
    No,
    /// A number or truth value.
    Number,
    /// A text or list of about this many bytes.
    Bulk(usize),
}

impl Check {
    fn statements(&mut self, statements: &[Stmt<'_>]) -> Result<(), TemplateError> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Result<(), TemplateError> {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::ForLoop(each) => {
                if each.recursive {
                    return Err(refuse(
                        each.span(),
                        "recursive loops are not supported",
                        "take out `recursive`",
                    ));
                }
                self.expression(&each.iter)?;
                self.optional(each.filter_expr.as_ref())?;
                self.statements(&each.body)?;
                self.statements(&each.else_body)
            }
            Stmt::IfCond(choice) => {
                self.expression(&choice.expr)?;
                self.statements(&choice.true_body)?;
                self.statements(&choice.false_body)
            }
            Stmt::WithBlock(with) => {
                with.assignments.iter().try_for_each(|(_, value)| self.expression(value))?;
                self.statements(&with.body)
            }
            Stmt::Set(set) => self.expression(&set.expr),
            Stmt::SetBlock(block) => {
                Err(refuse(block.span(), "{% set %} blocks are not supported", STATEMENTS))
            }
            Stmt::FilterBlock(block) => {
                Err(refuse(block.span(), "{% filter %} is not supported", STATEMENTS))
            }
            Stmt::AutoEscape(block) => {
                Err(refuse(block.span(), "{% autoescape %} is not supported", STATEMENTS))
            }
            Stmt::Do(block) => Err(refuse(block.span(), "{% do %} is not supported", STATEMENTS)),
        }
    }

    fn optional(&mut self, expression: Option<&Expr<'_>>) -> Result<(), TemplateError> {
        expression.map_or(Ok(()), |expression| self.expression(expression))
    }

    fn expression(&mut self, expression: &Expr<'_>) -> Result<(), TemplateError> {
        self.fold(expression).map(drop)
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) -> Result<(), TemplateError> {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) | CallArg::Kwarg(_, value) => self.expression(value),
            CallArg::PosSplat(value) | CallArg::KwargSplat(value) => Err(refuse(
                value.span(),
                "`*` and `**` arguments are not supported",
                "write the arguments out",
            )),
        })
    }

    /// Walks an expression and says how much text minijinja makes of it while compiling.
    fn fold(&mut self, expression: &Expr<'_>) -> Result<Folded, TemplateError> {
        match expression {
            Expr::Var(_) => Ok(Folded::No),
            Expr::Const(constant) => Ok(match constant.value.kind() {
                ValueKind::Bool | ValueKind::Number | ValueKind::None => Folded::Number,
                _ => Folded::Bulk(weigh(&constant.value)),
            }),
            Expr::UnaryOp(unary) => self.fold(&unary.expr),
            Expr::BinOp(binary) => {
                let (left, right) = (self.fold(&binary.left)?, self.fold(&binary.right)?);
                let size = match (&binary.op, left, right) {
                    (_, Folded::No, _) | (_, _, Folded::No) => return Ok(Folded::No),
                    (BinOpKind::Concat, left, right) => left.size() + right.size(),
                    (_, Folded::Number, Folded::Number) => return Ok(Folded::Number),
                    (BinOpKind::Add, left, right) => left.size() + right.size(),
                    (BinOpKind::Mul, left, right) => {
                        let times = [&binary.left, &binary.right].into_iter().find_map(literal);
                        left.size().max(right.size()).saturating_mul(times.unwrap_or(usize::MAX))
                    }
                    _ => return Ok(Folded::Number),
                };
                self.folded = self.folded.saturating_add(size);
                if self.folded > FOLDED {
                    return Err(refuse(
                        binary.span(),
                        &format!("constants make more than {} KiB of text here", FOLDED >> 10),
                        "write the text out, or loop over it",
                    ));
                }
                Ok(Folded::Bulk(size))
            }
            Expr::Compare(comparison) => {
                if comparison.ops.len() > 1 {
                    let remedy = "write two comparisons, as in: 1 < facts.cpus and facts.cpus < 8";
                    return Err(refuse(comparison.span(), "chained comparisons are not supported", remedy));
                }
                self.expression(&comparison.expr)?;
                comparison.ops.iter().try_for_each(|op| self.expression(&op.expr))?;
                Ok(Folded::Number)
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                self.optional(choice.false_expr.as_ref())?;
                Ok(Folded::No)
            }
            Expr::Filter(filter) => {
                self.optional(filter.expr.as_ref())?;
                self.arguments(&filter.args)?;
                Ok(Folded::No)
            }
            Expr::Test(test) => {
                self.expression(&test.expr)?;
                self.arguments(&test.args)?;
                Ok(Folded::No)
            }
            Expr::GetAttr(get) => {
                self.expression(&get.expr)?;
                Ok(Folded::No)
            }
            Expr::GetItem(get) => {
                self.expression(&get.expr)?;
                self.expression(&get.subscript_expr)?;
                Ok(Folded::No)
            }
            Expr::Slice(slice) => {
                self.expression(&slice.expr)?;
                [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .try_for_each(|part| self.optional(part.as_ref()))?;
                Ok(Folded::No)
            }
            Expr::Call(call) => {
                self.expression(&call.expr)?;
                self.arguments(&call.args)?;
                Ok(Folded::No)
            }
            Expr::List(list) => self.items(&list.items),
            Expr::Tuple(tuple) => self.items(&tuple.items),
            Expr::Map(map) => {
                self.items(&map.keys)?;
                self.items(&map.values)
            }
        }
    }

    fn items(&mut self, items: &[Expr<'_>]) -> Result<Folded, TemplateError> {
        let mut size: usize = 1;
        let mut constant = true;
        for item in items {
            match self.fold(item)? {
                Folded::No => constant = false,
                folded => size = size.saturating_add(folded.size()),
            }
        }
        Ok(if constant { Folded::Bulk(size) } else { Folded::No })
    }
}

impl Folded {
    fn size(&self) -> usize {
        match self {
            Self::No => 0,
            // The longest that a number is written.
            Self::Number => 40,
            Self::Bulk(size) => *size,
        }
    }
}

/// The number that an expression is written as.
fn literal(expression: &Expr<'_>) -> Option<usize> {
    match expression {
        Expr::Const(constant) if constant.value.kind() == ValueKind::Number => constant.value.as_usize(),
        _ => None,
    }
}

/// What an instruction becomes.
enum Metered<'s> {
    /// Its cost does not grow with its operands.
    Keep,
    /// A function that does the same and meters it.
    Call(&'static str, usize),
    /// Raw text: loaded and emitted, so that the formatter meters it.
    Text(&'s str),
    /// The checks above have refused what makes it.
    Unreachable,
}

/// Puts a metered function in the place of every instruction whose cost grows with its operands.
///
/// The list is complete by construction: an instruction that a newer minijinja adds does not compile here.
fn replacement<'s>(instruction: &Instruction<'s>) -> Metered<'s> {
    use Instruction as I;
    match instruction {
        I::EmitRaw(text) => Metered::Text(text),
        I::Add => Metered::Call(operators::ADD, 2),
        I::Mul => Metered::Call(operators::MULTIPLY, 2),
        I::StringConcat => Metered::Call(operators::JOIN, 2),
        I::Eq => Metered::Call(operators::EQUAL, 2),
        I::Ne => Metered::Call(operators::UNEQUAL, 2),
        I::Gt => Metered::Call(operators::GREATER, 2),
        I::Gte => Metered::Call(operators::GREATER_OR_EQUAL, 2),
        I::Lt => Metered::Call(operators::LESS, 2),
        I::Lte => Metered::Call(operators::LESS_OR_EQUAL, 2),
        I::In => Metered::Call(operators::CONTAINED, 2),
        I::BuildList(Some(items)) | I::BuildTuple(Some(items)) => Metered::Call(operators::LIST, *items),
        I::BuildMap(pairs) => Metered::Call(operators::TABLE, pairs * 2),
        I::Slice => Metered::Call(operators::SLICE, 4),
        // These meter themselves.
        I::ApplyFilter(..) | I::PerformTest(..) | I::CallFunction(..) | I::Emit
        // Of all values only the loop has methods; `loop.changed` would compare without a meter.
        | I::CallMethod("cycle", _)
        // Numbers and truth values only.
        | I::Sub | I::Div | I::IntDiv | I::Rem | I::Pow | I::Neg | I::Not
        // One look at, or one new handle of, a value that is there.
        | I::StoreLocal(_) | I::Lookup(_) | I::GetAttr(_) | I::SetAttr(_) | I::GetItem | I::LoadConst(_)
        | I::BuildKwargs(_) | I::UnpackList(_) | I::DupTop | I::DiscardTop | I::Swap
        | I::PushLoop(_) | I::PushWith | I::Iterate(_) | I::PushDidNotIterate | I::PopFrame | I::PopLoopFrame
        | I::Jump(_) | I::JumpIfFalse(_) | I::JumpIfFalseOrPop(_) | I::JumpIfTrueOrPop(_)
        // The items that a filtered loop let through, one step of fuel each.
        | I::BuildList(None) => Metered::Keep,
        I::CallMethod(..) | I::CallObject(_) | I::BuildTuple(None) | I::UnpackLists(_) | I::MergeKwargs(_)
        | I::CompareAndPreserve(_) | I::PushAutoEscape | I::PopAutoEscape | I::BeginCapture(_) | I::EndCapture
        | I::FastRecurse => Metered::Unreachable,
    }
}

fn meter<'s>(
    plain: &Instructions<'s>,
    source: &'s str,
    gone: &Gone<'s>,
) -> Result<Instructions<'s>, TemplateError> {
    let mut metered = Instructions::new("", source);
    let mut moved = Vec::new();
    let mut index = 0;
    while let Some(instruction) = plain.get(index) {
        let span = plain.get_span(index);
        let line = plain.get_line(index).and_then(|line| u16::try_from(line).ok()).unwrap_or(u16::MAX);
        let mut add = |instruction: Instruction<'s>| match span {
            Some(span) => metered.add_with_span(instruction, span),
            None => metered.add_with_line(instruction, line),
        };
        moved.push(match replacement(instruction) {
            Metered::Keep => add(instruction.clone()),
            Metered::Call(function, arguments) => {
                let arguments = u16::try_from(arguments).map_err(|_too_many| {
                    refuse(span.unwrap_or_default(), "this list is too long", "make it a variable")
                })?;
                add(Instruction::CallFunction(function, Some(arguments)))
            }
            Metered::Text(text) => {
                let first = add(Instruction::LoadConst(Value::from(gone.rest(text))));
                add(Instruction::Emit);
                first
            }
            Metered::Unreachable => {
                let method =
                    "texts, lists and tables have no methods here; use filters, as in: {{ host.name|upper }}";
                return Err(refuse(span.unwrap_or_default(), "this is not supported", method));
            }
        });
        index += 1;
    }
    let mut index = 0;
    while let Some(instruction) = metered.get_mut(index) {
        use Instruction as I;
        if let I::Iterate(to)
        | I::Jump(to)
        | I::JumpIfFalse(to)
        | I::JumpIfFalseOrPop(to)
        | I::JumpIfTrueOrPop(to) = instruction
        {
            // One after the last instruction is the end, and stays beyond it.
            *to = moved.get(*to as usize).copied().unwrap_or(u32::MAX);
        }
        index += 1;
    }
    Ok(metered)
}
