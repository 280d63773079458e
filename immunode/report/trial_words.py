"""A trial in words: what an arm is given, by which rules, and who its patients are."""

from immunode.evidence.design import Action, Rule, share_words
from immunode.evidence.rules import RecurringRule
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.group_words import baseline_words, default_words, group_words
from immunode.virtual_trials.trial import Trial


def described(trial: Trial) -> list[str]:
    """Return in full what arms are given, by which rules, and who their patients are: one line a thing."""
    model = trial.population.of
    days = ", ".join(f"{day:g}" for day in trial.visits)
    lines = [f"model {model.name}, from day {trial.start:g}; visits on days {days}"]
    for arm in trial.arms:
        regimen = trial.plans[arm.name].regimen
        lines.append(f"{arm.name}: {arm.n} patients; {doses_words(trial, arm)}")
        lines += [f"{arm.name}: rule '{rule.name}': {rule_words(rule)}" for rule in arm.rules]
        lines += [f"{arm.name}: {text}" for text in (*share_words(arm.shares), *kept_words(arm))]
        words = [*(baseline_words(model, one) for one in arm.baselines), *group_words(model, arm.values, regimen)]
        lines += [f"{arm.name}: {text}" for text in (*words, *default_words(model, arm.baselines, arm.values))]
        lines += [f"{arm.name}: {name} = {value}" for name, value in arm.values.items()]
    return lines


def doses_words(trial: Trial, arm: Arm) -> str:
    """Return the sentence of an arm's planned doses."""
    doses = any(dose.action == "add" for dose in trial.plans[arm.name].regimen.doses)
    return str(arm.regimen) if doses else "no doses planned" if arm.rules else "no doses"


def kept_words(arm: Arm) -> list[str]:
    """Return in words how doses are taken, and who leaves; nothing where all are taken on time and all stay."""
    return [part.words for part in (arm.adherence, arm.dropout) if part is not None]


def patients_words(trial: Trial, arm: Arm) -> str:
    """Return who the patients of an arm are in short words: their baselines, the groups that they are in, and shares of
    subgroups that are the arm's own."""
    groups = group_words(trial.population.of, arm.values, trial.plans[arm.name].regimen)
    parts = [*(baseline.numbers for baseline in arm.baselines), *(text.split(":")[0] for text in groups)]
    return ", ".join([*(parts or ["typical, as the model declares them"]), *share_words(arm.shares)])


def rule_words(rule: Rule | RecurringRule) -> str:
    """Return a rule in words."""
    if isinstance(rule, RecurringRule):
        return str(rule)
    when = rule.when
    days = " and ".join(f"{day:g}" for day in when.days)
    condition = f"{when.signal} above {when.above:g} x that of day {when.baseline_day:g} on day {days}"
    return f"on day {rule.day:g}, if {condition}: {_action(rule.then)}; else {_action(rule.otherwise)}"


def _action(action: Action) -> str:
    return action.label + (f", {action.regimen}" if action.regimen else "")
