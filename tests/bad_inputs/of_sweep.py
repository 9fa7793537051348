"""Sweeps that cannot be carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bad_inputs.row import Change, Row, both, json_with, nothing, writes

from nncli.sweep import load_sweep, run_sweep

RATE = "space: {optimizer.learning_rate: [0.1, 0.01]}\n"
FITTING = "config: c.yaml\ntrials: 2\n" + RATE


def sweep(name: str, text: str, says: str, change: Change = nothing, arguments: str = "s.yaml") -> Row:
    """What sweep says of s.yaml."""
    return Row(name, both(change, writes("s.yaml", text)), f"sweep {arguments}", says)


def space(name: str, written: str, says: str, rest: str = "trials: 2\n") -> Row:
    """What it says of a space, which begins in line 1."""
    return sweep(name, f"space: {written}\nconfig: c.yaml\n{rest}", says)


def begun() -> Any:
    """A sweep in swept, which is done."""
    writes("s.yaml", FITTING)()
    return run_sweep(load_sweep("s.yaml", ["set={training.epochs: 1}"]), directory="swept")


ROWS = [
    Row(
        "a sweep that is trained",
        writes("s.yaml", FITTING),
        "train s.yaml",
        "s.yaml: is a sweep, and no config; nncli sweep s.yaml carries it out",
    ),
    Row(
        "a config that is swept",
        nothing,
        "sweep c.yaml",
        "c.yaml: is a config, and no sweep; a sweep names it, and what of it to vary: config: c.yaml",
    ),
    Row("a sweep that is not named", nothing, "sweep", "sweep: needs a SWEEP; name a YAML file, or use --schema"),
    Row("a sweep beside the schema", nothing, "sweep --schema s.yaml", "--schema: goes alone; leave out SWEEP"),
    sweep("a sweep without a config", RATE, "s.yaml:1:1  config: missing"),
    sweep(
        "a sweep of a config that is not there",
        FITTING.replace("c.yaml", "d.yaml"),
        "s.yaml:1:9  config: d.yaml: no such file...",
    ),
    sweep(
        "a sweep of a config with a name that no file can have",
        FITTING.replace("c.yaml", "c" * 300),
        f"s.yaml:1:9  config: {'c' * 300}: cannot be read: File name too long",
    ),
    sweep("a sweep without a space", "config: c.yaml\ntrials: 2\n", "s.yaml:1:1  space: missing"),
    sweep("a sweep of an unknown method", FITTING + "method: tpee\n", "s.yaml:4:9  method: unknown name 'tpee'..."),
    sweep("a sweep that never ends", f"config: c.yaml\n{RATE}", "s.yaml:1:1: random goes on for ever; say how many..."),
    sweep(
        "a sweep for an unknown figure",
        FITTING + "monitor: validation_acuracy\n",
        "s.yaml:4:10  monitor: unknown figure 'validation_acuracy', did you mean 'validation_accuracy'?",
    ),
    sweep(
        "a sweep for a figure that is not measured",
        FITTING + "monitor: validation_roc_auc\n",
        "s.yaml:4:10  monitor: validation_roc_auc is not measured...add to set: metrics: [roc_auc]",
    ),
    sweep(
        "a sweep of more trials than values",
        FITTING.replace("2\n", "3\n", 1),
        "s.yaml:2:9  trials: 3 trials are more than the space has values, which is 2; "
        "take method: grid, or fewer trials",
    ),
    space(
        "a value that the config does not take",
        "{optimizer.learning_rate: [0.1, -1]}",
        "s.yaml:1:40  optimizer.learning_rate: must be greater than 0 (is -1)",
    ),
    space(
        "a range whose end the config does not take",
        "{model.layers.0.dropout: {uniform: [0, 1]}}",
        "s.yaml:1:33  model.layers.0.dropout: must be less than 1 (is 1.0)",
    ),
    space(
        "a key that the config does not have",
        "{optimizer.momentum: [0.5, 0.9]}",
        "s.yaml:1:30  optimizer.momentum: unknown key, which goes with...",
    ),
    space(
        "a layer that the config does not have",
        "{model.layers.7.units: [1, 2]}",
        "s.yaml:1:32: model.layers has no entry 7: there are 2, counted from 0",
    ),
    space(
        "a value that only the data show to be wrong",
        "{model.layers.1.units: [2, 3]}",
        "s.yaml:1:35  model.layers.1.units: must be 2 (is 3): the target has 2 classes; or leave it out",
    ),
    space(
        "a range that runs backwards",
        "{optimizer.learning_rate: {uniform: [2, 1]}}",
        "s.yaml:1:44  space.optimizer.learning_rate.uniform: must be [lowest, highest] (is [2, 1])",
    ),
    space(
        "a range of magnitudes from 0",
        "{optimizer.learning_rate: {log_uniform: [0, 1]}}",
        "...space.optimizer.learning_rate.log_uniform: must be [lowest, highest] above 0 (is [0, 1])",
    ),
    space(
        "two kinds of values",
        "{optimizer.learning_rate: {choice: [1, 2], uniform: [1, 2]}}",
        "s.yaml:1:34  space.optimizer.learning_rate: has choice and uniform; give one of...",
    ),
    space(
        "an unknown kind of values",
        "{optimizer.learning_rate: {log: [1, 2]}}",
        "s.yaml:1:35  space.optimizer.learning_rate.log: unknown key, known are choice, integer, log_integer, uniform, "
        "log_uniform, steps, when",
    ),
    space(
        "a value in place of several",
        "{optimizer.learning_rate: 0.1}",
        "s.yaml:1:34  space.optimizer.learning_rate: must be a list of values, or a mapping (is 0.1); write [0.1]",
    ),
    space(
        "a value twice",
        "{optimizer.learning_rate: [0.1, 0.1]}",
        "s.yaml:1:34  space.optimizer.learning_rate: has a value twice; name each once",
    ),
    space(
        "a condition on a key that is not there",
        "{optimizer.learning_rate: {choice: [1, 2], when: {optimiser.name: sgd}}}",
        "s.yaml:1:58  space.optimizer.learning_rate.when.optimiser.name: is no other key of the space",
    ),
    space(
        "a condition that never holds",
        "{optimizer.name: [adam, sgd], optimizer.learning_rate: {choice: [1, 2], when: {optimizer.name: rmsprop}}}",
        "...space.optimizer.learning_rate.when.optimizer.name: optimizer.name is never rmsprop; "
        "it is one of [adam, sgd]",
    ),
    space(
        "a condition on a truth in place of a number",
        "{seed: [1, 2], optimizer.learning_rate: {choice: [0.1, 0.2], when: {seed: true}}}",
        "...space.optimizer.learning_rate.when.seed: seed is never true; it is one of [1, 2]",
    ),
    space(
        "a condition without a value",
        "{seed: [1, 2], optimizer.learning_rate: {choice: [0.1, 0.2], when: {seed: []}}}",
        "...space.optimizer.learning_rate.when.seed: has no value; give some of [1, 2]",
    ),
    space(
        "conditions that exclude one another",
        "{optimizer.name: [adam, sgd], optimizer.momentum: {choice: [0.1, 0.2], when: {optimizer.name: sgd}}, "
        "optimizer.nesterov: {choice: [true, false], when: {optimizer.momentum: 0.1, optimizer.name: adam}}}",
        "...space.optimizer.nesterov.when: is never there: what it depends on excludes one another; "
        "leave out one of the conditions",
    ),
    space(
        "trials of other losses",
        "{loss: [cross_entropy, focal]}",
        "s.yaml:1:31  loss.name: makes the loss of this trial another function, and values of both cannot be compared; "
        "monitor: validation_accuracy",
    ),
    space(
        "trials that validate on other rows",
        "{data.split.validation: [0.2, 0.4]}",
        "s.yaml:1:38  data.split.validation: gives this trial other rows to validate on, or other targets, and figures "
        "of both cannot be compared; leave it out of the space",
    ),
    space(
        "trials by seeds that validate on other rows",
        "{seed: [1, 2]}",
        "s.yaml:1:19  seed: gives this trial other rows to validate on...; add to set: data.split.seed: 0",
    ),
    space(
        "an ensemble among the trials",
        "{ensemble: [null, 3]}",
        "s.yaml:1:26  ensemble: a trial is one network; leave it out (ensemble: null)...",
    ),
    space(
        "a whole-number range that no grid can hold",
        "{training.epochs: {integer: [1, 9007199254740992]}}",
        "s.yaml:1:8  space: a grid of more than 100,000 trials; take method: random",
        "method: grid\n",
    ),
    space(
        "an empty space",
        "{}",
        "s.yaml:1:8  space: must be an entry or more (is an empty mapping)",
    ),
    space(
        "a range with one end",
        "{optimizer.learning_rate: {uniform: [1]}}",
        "...space.optimizer.learning_rate.uniform: must be [lowest, highest] (is [1])",
    ),
    sweep(
        "a fixed key that the space takes away",
        "config: c.yaml\ntrials: 2\nspace: {optimizer: [adam, sgd]}\nset: {optimizer.beta1: 0.5}\n",
        "s.yaml:4:7  set.optimizer.beta1: is lost: the space has optimizer, with all that is in it; "
        "say it in each value of optimizer",
    ),
    sweep(
        "a setting of the other pruning",
        FITTING + "pruning: {name: median, factor: 2}\n",
        "s.yaml:4:25  pruning.factor: unknown key, which goes with halving",
    ),
    sweep(
        "a fixed key of the command line that is wrong",
        FITTING,
        "override 'set.training.epochs=-1'  training.epochs: must be at least 0 (is -1)",
        arguments="s.yaml set.training.epochs=-1",
    ),
    sweep(
        "an address without a port",
        FITTING,
        "--scheduler foo: is no address: missing port number in address 'foo'; write it as dask scheduler tells it: tcp://host:8786",
        arguments="s.yaml --scheduler foo",
    ),
    Row(
        "folds in the directory of a sweep",
        begun,
        "cv c.yaml --run swept",
        "swept/plan.json: holds a sweep; nncli sweep goes on with it, or choose another --run",
    ),
    space(
        "conditions in a circle",
        "{optimizer.name: {choice: [adam, sgd], when: {seed: 1}}, seed: {choice: [1, 2], when: {optimizer.name: sgd}}}",
        "...space.optimizer.name.when: depends on itself in the end: optimizer.name, seed; let one of them stand alone",
    ),
    space(
        "a grid of real numbers",
        "{optimizer.learning_rate: {uniform: [0.1, 1]}}",
        "s.yaml:1:34  space.optimizer.learning_rate: a grid needs to know how many of these numbers; add steps: 5",
        "method: grid\n",
    ),
    space(
        "steps at random",
        "{optimizer.learning_rate: {uniform: [0.1, 1], steps: 5}}",
        "s.yaml:1:54  space.optimizer.learning_rate.steps: goes with a grid, and the method is random; leave it out",
    ),
    sweep(
        "a grid of another size",
        "config: c.yaml\ntrials: 3\nmethod: grid\n" + RATE,
        "s.yaml:2:9  trials: is 3, and the grid has 2; leave it out",
    ),
    sweep(
        "a key that is fixed and varied",
        FITTING + "set: {optimizer.learning_rate: 1}\n",
        "s.yaml:4:7  set.optimizer.learning_rate: is in the space, too; leave out one of them",
    ),
    sweep(
        "a fixed value that is wrong",
        FITTING + "set: {training.epochs: -1}\n",
        "s.yaml:4:24  training.epochs: must be at least 0 (is -1)",
    ),
    sweep(
        "an ensemble that is swept",
        FITTING + "set: {ensemble: 3}\n",
        "s.yaml:4:17  ensemble: a trial is one network; "
        "leave it out (ensemble: null); train the best as one afterwards",
    ),
    sweep(
        "a sweep that nothing can decide",
        FITTING + "set: {data.split.validation: 0}\n",
        "s.yaml:4:30  data.split.validation: validation_loss needs rows to validate on; for example 0.15",
    ),
    sweep(
        "trainings that end early and keep no checkpoints",
        FITTING + "pruning: median\nset: {training.checkpoint: null}\n",
        "s.yaml:5:28  training.checkpoint: trainings that end early pause first, and go on from a checkpoint; "
        "take {}, or leave out pruning",
    ),
    sweep(
        "trainings that are too short to end early",
        FITTING + "pruning: median\nset: {training.epochs: 1}\n",
        "s.yaml:4:10  pruning: compares nobody within 1 epoch; train for more, or leave it out",
    ),
    sweep(
        "a minimizer that is to pause",
        "config: c.yaml\ntrials: 2\npruning: median\nspace: {optimizer: [adam, lbfgs]}\n"
        "set: {training.batch_size: full}\n",
        "s.yaml:4:27  optimizer: lbfgs goes its way in one piece, and trainings that end early pause first; "
        "leave out pruning",
    ),
    sweep(
        "more processes than there is memory for",
        "config: c.yaml\ntrials: 900\nspace: {optimizer.learning_rate: {uniform: [0.1, 1]}}\n"
        "set: {model.layers.0.units: 100000}\n",
        "--jobs 1000: 900 trainings at a time need ... GB, ...; take --jobs ...",
        arguments="s.yaml --jobs 1000",
    ),
    sweep("no worker", FITTING, "--jobs 0: must be between 1 and 1024", arguments="s.yaml --jobs 0"),
    sweep(
        "a directory of a sweep that holds something else",
        FITTING,
        "run: exists already; nothing is written over: choose another --run",
        arguments="s.yaml --run run",
    ),
    Row(
        "another space than it began with",
        begun,
        "sweep s.yaml --run swept 'set={training.epochs: 1}' 'space={optimizer.learning_rate: [0.1, 0.02]}'",
        "space.optimizer.learning_rate.choice: was [0.1, 0.01], and is [0.1, 0.02]; "
        "leave it as it was, or choose another --run than swept",
    ),
    Row(
        "a change to a sweep that goes on",
        begun,
        "resume swept trials=5",
        "swept: holds several trainings, which go on as they began, without trials=5; "
        "more trials go on by nncli sweep SWEEP trials=5 --run swept",
    ),
    Row(
        "a sweep whose plan was changed",
        both(begun, json_with("swept/plan.json", "sweep", "method", value="luck")),
        "resume swept",
        "swept/plan.json: is no sweep of nncli: method: unknown name 'luck'...; begin anew",
    ),
    Row(
        "a sweep whose plan has another config",
        both(begun, json_with("swept/plan.json", "sweep", "config", value=[])),
        "resume swept",
        "swept/plan.json: is no sweep of nncli: it has no config; begin anew",
    ),
    Row(
        "a sweep by a model whose trials were changed",
        both(
            begun,
            json_with("swept/plan.json", "sweep", "method", value="tpe"),
            lambda: Path("swept/trials.json").write_text('{"trials": [{"optimizer.learning_rate": 7}]}'),
        ),
        "resume swept",
        "swept/trials.json: holds no trials of this sweep; begin anew",
    ),
    Row(
        "a sweep that is evaluated",
        begun,
        "evaluate swept",
        "swept: holds several runs, and is none; name one: nncli runs swept lists them",
    ),
]
