//! The variables of one host: declared by its roles and the fleet, set by the fleet, groups and the host.

use std::collections::BTreeMap;

use minijinja::{Value, value::Serde};

use super::{library::Library, merge::Layer};
use crate::{
    Facts, HostName, Problem,
    document::{field::Map, source::Located},
    id::VariableName,
    language::variables::{Parameter, Variable},
    limits, text,
};

type Parameters = Map<VariableName, Parameter>;
type Settings = Map<VariableName, Variable>;

/// What the layers of a host say about variables.
impl Layer {
    fn parameters(&self) -> Option<&Parameters> {
        match self {
            Self::Role(_, role) => role.tables.params.as_ref(),
            Self::Fleet(fleet) => fleet.tables.params.as_ref(),
            Self::Group(..) | Self::Host(..) => None,
        }
        .map(|params| &params.value)
    }

    fn settings(&self) -> Option<&Settings> {
        match self {
            Self::Role(..) => None,
            Self::Fleet(fleet) => fleet.tables.vars.as_ref(),
            Self::Group(_, group) => group.tables.vars.as_ref(),
            Self::Host(_, host) => host.tables.vars.as_ref(),
        }
        .map(|settings| &settings.value)
    }
}

/// The values of a host's variables.
pub(crate) fn variables(
    layers: &[Layer],
    library: &Library<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<VariableName, Variable> {
    let declared = declared(layers, library, problems);
    let mut values: BTreeMap<VariableName, Variable> = BTreeMap::new();
    for layer in layers {
        for (name, setting) in layer.settings().into_iter().flat_map(|settings| &settings.0) {
            let Some(parameter) = declared.get(name) else {
                // What a group or the fleet sets may be for another host's roles; the host itself knows its own.
                if matches!(layer, Layer::Host(..)) {
                    problems.push(undeclared(name, setting, declared.keys().copied(), library));
                }
                continue;
            };
            if let Some(why) = parameter.value.refuse(&setting.value) {
                problems.push(
                    Problem::new("E_VALUE", format!("`{name}` cannot be this: {why}"))
                        .at(library.locate(setting.at))
                        .related("it is declared here", library.locate(parameter.at)),
                );
            }
            values.insert(name.clone(), setting.value.clone());
        }
    }
    for (name, parameter) in &declared {
        if values.contains_key(*name) {
            continue;
        }
        match &parameter.value.default {
            Some(default) => {
                values.insert((*name).clone(), default.value.clone());
            }
            None => problems.push(
                Problem::new(
                    "E_MISSING_VARIABLE",
                    format!("nothing gives `{name}` a value, and it has no default"),
                )
                .at(library.locate(parameter.at))
                .remedy(format!(
                    "set it under [vars] in the host's file, a group's or fleet.toml: {name} = …"
                )),
            ),
        }
    }
    if values.len() > limits::VARIABLES {
        let message = format!("a host cannot have more than {} variables", limits::VARIABLES);
        problems.push(Problem::new("E_LIMIT", message));
    }
    values
}

/// A variable that no document declares.
pub(crate) fn undeclared<'n>(
    name: &VariableName,
    setting: &Located<Variable>,
    known: impl Iterator<Item = &'n VariableName>,
    library: &Library<'_>,
) -> Problem {
    let problem =
        Problem::new("E_UNKNOWN_VARIABLE", format!("no role of the host, nor fleet.toml, declares `{name}`"))
            .at(library.locate(setting.at));
    match text::near(name.as_str(), known.map(VariableName::as_str)) {
        Some(near) => problem.remedy(format!("did you mean `{near}`?")),
        None => problem.remedy(format!("declare it in a role or in fleet.toml, as in: [params.{name}]")),
    }
}

/// The declared variables; two declarations of one name must be the same.
fn declared<'l>(
    layers: &'l [Layer],
    library: &Library<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<&'l VariableName, &'l Located<Parameter>> {
    let mut declared: BTreeMap<&VariableName, &Located<Parameter>> = BTreeMap::new();
    for (name, parameter) in layers.iter().filter_map(Layer::parameters).flat_map(|parameters| &parameters.0)
    {
        let other = declared.entry(name).or_insert(parameter);
        let fields = |parameter: &Parameter| {
            (parameter.r#type.clone(), parameter.default.clone(), parameter.choices.clone())
        };
        if fields(&other.value) != fields(&parameter.value) {
            problems.push(
                Problem::new("E_CONFLICT", format!("`{name}` is declared twice for the host, differently"))
                    .at(library.locate(parameter.at))
                    .related("it is also declared here", library.locate(other.at))
                    .remedy("give both the same type, default and choices, or one of them another name"),
            );
        }
    }
    declared
}

/// What templates and conditions see: `vars`, `facts` and `host`.
pub(crate) fn context(
    variables: &BTreeMap<VariableName, Variable>,
    facts: &Facts,
    host: &HostName,
    layers: &[Layer],
) -> Value {
    let vars = Value::from_pairs(variables.iter().map(|(name, value)| (name.as_str(), Value::from(value))));
    let names =
        |pick: fn(&Layer) -> Option<&str>| layers.iter().filter_map(pick).map(Value::from).collect::<Value>();
    let host = Value::from_pairs([
        ("name", Value::from(host.as_str())),
        ("groups", names(Layer::group_name)),
        ("roles", names(Layer::role_name)),
    ]);
    Value::from_pairs([("vars", vars), ("facts", Value::from(Serde(facts))), ("host", host)])
}

/// What is wrong with the declarations of one document, whatever the host.
pub(crate) fn check_declarations(
    parameters: Option<&Located<Parameters>>,
    library: &Library<'_>,
) -> Vec<Problem> {
    let all = parameters.into_iter().flat_map(|parameters| &parameters.value.0);
    all.filter_map(|(name, parameter)| {
        let (default, why) = parameter.value.wrong_default()?;
        let message = format!("the default of `{name}` does not fit: {why}");
        Some(Problem::new("E_VALUE", message).at(library.locate(default.at)))
    })
    .collect()
}
